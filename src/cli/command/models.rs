//! `models list`: the models that the gateway can use.

use serde_json::{Value, json};

use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Models;
use crate::cli::line::ask;
use crate::cli::render::{Listing, cell};

/// Runs one of them.
pub async fn run(context: &Context, command: &Models) -> Result<()> {
    let Models::List { all } = command;
    let params = if *all { json!({ "view": "all" }) } else { json!({}) };
    let mut document = ask(context, "models.list", params).await?;
    let models = document["models"].as_array_mut().map(std::mem::take).unwrap_or_default();
    document["count"] = json!(models.len());
    document["models"] = models.into_iter().map(keyed).collect();
    context.render.answer(&document, table);
    Ok(())
}

/// The model with its key, `provider/id`, as the real program's list has it.
fn keyed(mut model: Value) -> Value {
    if let (Some(provider), Some(id)) = (model["provider"].as_str(), model["id"].as_str()) {
        model["key"] = json!(format!("{provider}/{id}"));
    }
    model
}

fn table(document: &Value) -> Listing {
    let mut listing = Listing::new(&["MODEL", "NAME", "INPUT", "CONTEXT", "AVAILABLE"], "no models");
    for model in document["models"].as_array().into_iter().flatten() {
        listing.row([
            cell::first(&[&model["key"], &model["id"]]),
            cell::text(&model["name"]),
            cell::list(&model["input"]),
            cell::text(&model["contextWindow"]),
            cell::text(&model["available"]),
        ]);
    }
    listing
}
