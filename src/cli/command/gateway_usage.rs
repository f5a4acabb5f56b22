//! `gateway usage-cost` and `gateway stability`: what the models cost, and what the gateway recorded of itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::Result;
use crate::cli::Context;
use crate::cli::line::{ask, ask_within};
use crate::cli::render::{Listing, cell};
use crate::host::clock::epoch_ms;

/// How long the gateway may count: it reads every transcript of the time asked for, seconds on a real one.
const COUNTING: Duration = Duration::from_secs(60);

/// Prints costs by day.
pub async fn cost(context: &Context, days: u32) -> Result<()> {
    let document = ask_within(context, "usage.cost", json!({ "days": days }), COUNTING).await?;
    context.render.answer(&document, costs);
    Ok(())
}

fn costs(document: &Value) -> Listing {
    let mut listing = Listing::new(&["DATE", "INPUT", "OUTPUT", "TOKENS", "COST"], "no days");
    let total = json!({ "date": "total" });
    let mut row = |day: &Value, name: &Value| {
        listing.row([
            cell::text(name),
            cell::text(&day["input"]),
            cell::text(&day["output"]),
            cell::text(&day["totalTokens"]),
            format!("${:.2}", day["totalCost"].as_f64().unwrap_or_default()),
        ]);
    };
    let days = document["daily"].as_array().into_iter().flatten();
    // Days on which nothing was used say nothing.
    for day in days.filter(|day| day["totalTokens"].as_u64() != Some(0)) {
        row(day, &day["date"]);
    }
    if document["totals"].is_object() {
        row(&document["totals"], &total["date"]);
    }
    listing
}

/// Prints the last recorded events.
pub async fn stability(context: &Context, limit: u32) -> Result<()> {
    let document = ask(context, "diagnostics.stability", json!({ "limit": limit })).await?;
    context.render.answer(&document, events);
    Ok(())
}

fn events(document: &Value) -> Listing {
    let now = epoch_ms();
    let mut listing = Listing::new(&["SEQ", "WHEN", "EVENT", "DETAIL"], "nothing was recorded");
    for event in document["events"].as_array().into_iter().flatten() {
        let detail: Vec<String> = event
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, value)| !["seq", "ts", "type"].contains(&key.as_str()) && !value.is_object())
            .map(|(key, value)| format!("{key}={}", cell::text(value)))
            .collect();
        listing.row([
            cell::text(&event["seq"]),
            cell::distance(now, &event["ts"]),
            cell::text(&event["type"]),
            detail.join(" "),
        ]);
    }
    listing
}
