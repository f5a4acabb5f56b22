//! `models list`: the models that the gateway can use.

use serde_json::{Map, Value, json};

use super::{objects, params};
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
    objects(&mut document, "models").for_each(complete);
    let count = document["models"].as_array().map_or(0, Vec::len);
    if let Some(document) = document.as_object_mut() {
        document.entry("models").or_insert_with(|| json!([]));
        document.insert("count".into(), json!(count));
    }
    context.render.answer(&document, table);
    Ok(())
}

/// Gives a model its key, `provider/id`, and its inputs as one word, as the real program's list has them.
fn complete(model: &mut Map<String, Value>) {
    let text = |name: &str| model.get(name).and_then(Value::as_str);
    if let (Some(provider), Some(id)) = (text("provider"), text("id")) {
        let key = format!("{provider}/{id}");
        model.insert("key".into(), json!(key));
    }
    let inputs = model.get("input").and_then(Value::as_array).into_iter().flatten();
    let inputs: Vec<&str> = inputs.filter_map(Value::as_str).collect();
    let input = if inputs.is_empty() { "-".to_owned() } else { inputs.join("+") };
    model.insert("input".into(), json!(input));
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
