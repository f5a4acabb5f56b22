//! `models.list`: the models that are configured, and whether they can be asked; and what other answers say of models.

use serde_json::{Value, json};

use super::{Call, Family, Method, now};
use crate::gateway::hub::Hub;
use crate::gateway::scope;
use crate::gateway::sessions::key;
use crate::gateway::shape::{Shape, WORD, optional};
use crate::profile::embedded::agent::{Model, Provider};
use crate::wire::Fault;

/// Its row.
pub const FAMILY: Family = Family {
    here: |_| true,
    methods: &[Method {
        name: "models.list",
        scope: Some(scope::READ),
        params: Some(Shape::Object(&[
            optional("agentId", WORD),
            optional("includeProviderCapabilities", Shape::Boolean),
            optional("preparedOnly", Shape::Boolean),
            optional("refresh", Shape::Boolean),
            optional("view", Shape::OneOf(&["default", "configured", "provider-config", "all"])),
        ])),
        run: |call| now(list(&call)),
    }],
    events: &[],
};

/// The answer. Nobody is asked elsewhere: these are the models of the file.
fn list(call: &Call) -> Result<Value, Fault> {
    key::check_agent(call.params["agentId"].as_str())?;
    let embedded = call.hub.embedded();
    let mut models = Vec::new();
    for (name, provider) in &embedded.agent.providers {
        models.extend(provider.models.iter().map(|model| shown(name, provider, model)));
    }
    // One that is meant and not listed is there all the same.
    if let Some((name, provider, model)) = primary(&call.hub).and_then(|name| embedded.agent.find(&name))
        && !provider.models.contains(&model)
    {
        models.push(shown(name, provider, &model));
    }
    Ok(json!({ "models": models }))
}

fn shown(provider_name: &str, provider: &Provider, model: &Model) -> Value {
    let mut shown = json!({
        "id": model.id,
        "name": model.name,
        "provider": provider_name,
        "available": provider.unusable.is_none(),
        "reasoning": model.reasoning,
        "supportsTools": true,
        "input": ["text"],
    });
    if let Some(window) = model.context_window {
        shown["contextWindow"] = json!(window);
    }
    shown
}

/// The model that answers where a session has none of its own, `provider/model`, where it can be asked.
pub fn primary(hub: &Hub) -> Option<String> {
    let embedded = hub.embedded();
    let name = embedded.agent.primary.as_deref()?;
    embedded.agent.find(name).filter(|(_, provider, _)| provider.unusable.is_none())?;
    Some(name.to_owned())
}

/// Why no model answers, in a sentence; `None` where one does.
pub fn why_none(hub: &Hub) -> Option<String> {
    let embedded = hub.embedded();
    let Some(name) = embedded.agent.primary.as_deref() else { return Some("No model is configured.".into()) };
    match embedded.agent.find(name) {
        None => Some(format!("The model {name} is configured, but models.providers has no such provider.")),
        Some((_, provider, _)) => {
            let why = provider.unusable.as_deref()?;
            Some(format!("The model {name} cannot be asked: {why}."))
        }
    }
}

/// Whether `name`, `provider/model`, is a model that can be asked.
pub fn knows(hub: &Hub, name: &str) -> bool {
    hub.embedded().agent.find(name).is_some_and(|(_, provider, _)| provider.unusable.is_none())
}

/// What holds for a session that has nothing of its own; empty without a model.
pub fn defaults(hub: &Hub) -> Value {
    let embedded = hub.embedded();
    let primary = primary(hub);
    let found = primary.as_deref().and_then(|name| embedded.agent.find(name));
    match found {
        Some((provider, _, model)) => json!({
            "modelProvider": provider,
            "model": model.id,
            "contextTokens": embedded.agent.context_tokens.or(model.context_window),
        }),
        None => json!({ "modelProvider": null, "model": null, "contextTokens": null }),
    }
}
