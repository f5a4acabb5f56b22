//! `models list`: the models that the gateway can use.

use serde_json::{Value, json};

use super::params;
use crate::base::Result;
use crate::cli::Context;
use crate::cli::args::Models;
use crate::cli::line::ask;
use crate::cli::render::{Listing, cell};

/// Runs one of them.
pub async fn run(context: &Context, command: &Models) -> Result<()> {
    let Models::List { all } = command;
    let params = |details: Value| {
        let view = all.then(|| json!("all")).unwrap_or_default();
        params(&[("view", view), ("includeDetails", details)])
    };
    let mut document = match ask(context, "models.list", params(json!(true))).await {
        // An older gateway takes no parameter that it does not know.
        Err(error) if error.code() == "gateway_request_failed" => {
            ask(context, "models.list", params(Value::Null)).await?
        }
        answer => answer?,
    };
    let models = document["models"].as_array_mut().map(std::mem::take).unwrap_or_default();
    document["count"] = json!(models.len());
    document["models"] = models.into_iter().map(keyed).collect();
    context.render.answer(&document, table);
    Ok(())
}

/// The model with its key, `provider/id`, and its inputs as one word, as the real program's list has it.
fn keyed(mut model: Value) -> Value {
    if let (Some(provider), Some(id)) = (model["provider"].as_str(), model["id"].as_str()) {
        model["key"] = json!(format!("{provider}/{id}"));
    }
    let inputs: Vec<&str> =
        model["input"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let input = if inputs.is_empty() { "-".to_owned() } else { inputs.join("+") };
    model["input"] = json!(input);
    model
}

fn table(document: &Value) -> Listing {
    let mut listing = Listing::new(&["MODEL", "NAME", "INPUT", "CONTEXT", "AVAILABLE"], "no models");
    for model in document["models"].as_array().into_iter().flatten() {
        listing.row([
            cell::first(&[&model["key"], &model["id"]]),
            cell::text(&model["name"]),
            cell::text(&model["input"]).replace('+', ", "),
            cell::text(&model["contextWindow"]),
            cell::text(&model["available"]),
        ]);
    }
    listing
}
