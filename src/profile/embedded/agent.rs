//! `models.providers` and `agents.defaults`: which model answers, and where it is asked. The keys are the real
//! program's; of its ways to ask, this program speaks the one that most servers understand, `openai-completions`. What
//! it does not speak is kept with the reason, so that a file written for the real program is no error here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Follow;
use crate::base::{Result, Secret};
use crate::profile::config::Node;

/// The way to ask that is spoken here.
const COMPLETIONS: &str = "openai-completions";

/// What holds for the agent.
#[derive(Clone, Debug, Default)]
pub struct AgentRules {
    /// `agents.defaults.model`, or its `primary`: `provider/model`.
    pub primary: Option<String>,
    /// `agents.defaults.timeoutSeconds`: how long an answer may take.
    pub timeout: Option<Duration>,
    /// `agents.defaults.contextTokens`: how much of a history a model is given, in tokens.
    pub context_tokens: Option<u64>,
    /// `models.providers`, by name.
    pub providers: BTreeMap<String, Provider>,
}

/// One of `models.providers`.
#[derive(Clone, Debug)]
pub struct Provider {
    /// `baseUrl`, without a slash at its end.
    pub base_url: String,
    /// `apiKey`, where one is needed.
    pub api_key: Option<Secret>,
    /// `models`.
    pub models: Vec<Model>,
    /// Why it cannot be asked, in words; `None` where it can.
    pub unusable: Option<String>,
}

/// One of a provider's `models`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// `id`: what the provider calls it.
    pub id: String,
    /// `name`: what people call it.
    pub name: String,
    /// `contextWindow`, in tokens.
    pub context_window: Option<u64>,
    /// `maxTokens`: the longest answer, in tokens.
    pub max_tokens: Option<u64>,
    /// `reasoning`: whether it thinks before it speaks.
    pub reasoning: bool,
}

impl AgentRules {
    pub(super) fn read(root: &Value, file: &Path, follow: &Follow<'_>) -> Result<AgentRules> {
        let defaults = Node::root(file, "agents", root).object()?.child("defaults").object()?;
        let model = defaults.child("model");
        let primary = match model.value() {
            Some(Value::Object(_)) => model.child("primary").text()?,
            _ => model.text()?,
        };
        let secrets = root.get("secrets").and_then(|secrets| secrets.get("providers"));
        let all = Node::root(file, "models", root).object()?.child("providers").object()?;
        let names = all.value().and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
        let mut providers = BTreeMap::new();
        for name in names {
            providers.insert(name.clone(), Provider::read(&all.child(name).object()?, secrets, follow)?);
        }
        Ok(AgentRules {
            primary,
            timeout: number(&defaults.child("timeoutSeconds"))?.map(Duration::from_secs),
            context_tokens: number(&defaults.child("contextTokens"))?,
            providers,
        })
    }

    /// The provider and the model that `name`, `provider/model`, means. A model that the provider does not list is
    /// taken at its word: servers know more models than files do.
    pub fn find(&self, name: &str) -> Option<(&str, &Provider, Model)> {
        let (provider, id) = name.split_once('/')?;
        let (known, found) = self.providers.get_key_value(provider)?;
        let listed = found.models.iter().find(|model| model.id == id).cloned();
        (!id.is_empty()).then(|| (known.as_str(), found, listed.unwrap_or_else(|| Model::plain(id))))
    }
}

impl Provider {
    fn read(node: &Node<'_>, secrets: Option<&Value>, follow: &Follow<'_>) -> Result<Provider> {
        let base_url = node.child("baseUrl").text()?.unwrap_or_default().trim_end_matches('/').to_owned();
        let api = node.child("api").text()?.unwrap_or_else(|| COMPLETIONS.to_owned());
        let source = node.child("apiKey").secret(secrets)?;
        let has_source = source.is_some();
        // A key that cannot be had is no reason for a gateway not to start: its commands need none.
        let (api_key, missing) = match source.map(|source| follow(&source)) {
            None => (None, None),
            Some(Ok(key)) => (key, None),
            Some(Err(error)) => (None, Some(error.message().to_owned())),
        };
        let models = match node.child("models").value() {
            None => Vec::new(),
            Some(Value::Array(models)) => models.iter().filter_map(Model::read).collect(),
            Some(_) => return Err(node.child("models").wrong("a list")),
        };
        let unusable = match () {
            () if base_url.is_empty() => Some("it has no baseUrl".to_owned()),
            () if !base_url.starts_with("https://") && !base_url.starts_with("http://") => {
                Some("its baseUrl begins with neither https:// nor http://".to_owned())
            }
            () if api != COMPLETIONS => {
                Some(format!("its api is `{api}`; only `{COMPLETIONS}` is spoken here"))
            }
            () if missing.is_some() => missing.map(|why| format!("its apiKey cannot be had: {why}")),
            () if has_source && api_key.is_none() => {
                Some("its apiKey refers to something that is not there".to_owned())
            }
            () => None,
        };
        Ok(Provider { base_url, api_key, models, unusable })
    }
}

impl Model {
    /// A model of which nothing but its id is known.
    pub fn plain(id: &str) -> Model {
        Model { id: id.into(), name: id.into(), context_window: None, max_tokens: None, reasoning: false }
    }

    fn read(value: &Value) -> Option<Model> {
        let id = value["id"].as_str().filter(|id| !id.is_empty())?;
        let count = |key: &str| value[key].as_f64().filter(|count| *count >= 1.0).map(|count| count as u64);
        Some(Model {
            name: value["name"].as_str().unwrap_or(id).to_owned(),
            context_window: count("contextWindow"),
            max_tokens: count("maxTokens"),
            reasoning: value["reasoning"] == Value::Bool(true),
            ..Model::plain(id)
        })
    }
}

/// A whole number above zero.
fn number(node: &Node<'_>) -> Result<Option<u64>> {
    match node.value() {
        None => Ok(None),
        Some(value) => match value.as_f64().filter(|number| *number >= 1.0 && *number < 1e12) {
            Some(number) => Ok(Some(number as u64)),
            None => Err(node.wrong("a number above zero")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::{Error, Kind};
    use crate::profile::config::SecretSource;

    fn read(root: &Value) -> Result<AgentRules> {
        let follow = |source: &SecretSource| match source {
            SecretSource::Inline(secret) => Ok(Some(secret.clone())),
            SecretSource::Env(name) if name == "SET" => Ok(Some(Secret::new("from-env"))),
            SecretSource::Env(_) => Ok(None),
            _ => Err(Error::new(Kind::Config, "credential_missing", "the file cannot be read")),
        };
        AgentRules::read(root, Path::new("openclaw.json"), &follow)
    }

    fn provider(more: &Value) -> Value {
        let mut provider =
            json!({ "baseUrl": "https://models.test/v1/", "models": [{ "id": "m", "contextWindow": 8192 }] });
        for (key, value) in more.as_object().unwrap() {
            provider[key] = value.clone();
        }
        json!({ "models": { "providers": { "p": provider } }, "agents": { "defaults": { "model": "p/m" } } })
    }

    #[test]
    fn a_provider_is_read_as_the_real_program_writes_it() {
        let rules = read(&provider(&json!({ "apiKey": "${SET}", "api": "openai-completions" }))).unwrap();
        let (name, found, model) = rules.find(rules.primary.as_deref().unwrap()).unwrap();
        assert_eq!((name, found.base_url.as_str()), ("p", "https://models.test/v1"));
        assert_eq!(found.api_key.as_ref().unwrap().expose(), "from-env");
        assert_eq!((model.context_window, model.name.as_str()), (Some(8192), "m"));
        assert_eq!(found.unusable, None);
        assert_eq!(rules.find("p/other").unwrap().2, Model::plain("other"));
        assert!(rules.find("q/m").is_none() && rules.find("m").is_none() && rules.find("p/").is_none());
    }

    #[test]
    fn what_cannot_be_asked_says_why_and_is_no_error() {
        let table = [
            (json!({ "baseUrl": "" }), "it has no baseUrl"),
            (json!({ "baseUrl": "ftp://x" }), "its baseUrl begins with neither"),
            (json!({ "api": "anthropic-messages" }), "its api is `anthropic-messages`"),
            (json!({ "apiKey": "${UNSET}" }), "its apiKey refers to something that is not there"),
            (json!({ "apiKey": "a-${SET}-b" }), "its apiKey cannot be had: the file cannot be read"),
        ];
        for (more, why) in table {
            let rules = read(&provider(&more)).unwrap();
            assert!(rules.providers["p"].unusable.as_deref().unwrap().starts_with(why), "{more}");
        }
    }

    #[test]
    fn a_wrong_value_is_an_error_that_names_its_key() {
        let table = [
            (json!({ "models": [] }), "`models` must be an object"),
            (json!({ "models": { "providers": { "p": 1 } } }), "`models.providers.p` must be"),
            (provider(&json!({ "models": {} })), "`models.providers.p.models` must be a list"),
            (
                json!({ "agents": { "defaults": { "timeoutSeconds": 0 } } }),
                "`agents.defaults.timeoutSeconds`",
            ),
            (
                json!({ "agents": { "defaults": { "model": { "primary": 1 } } } }),
                "`agents.defaults.model.primary`",
            ),
        ];
        for (root, words) in table {
            let error = read(&root).unwrap_err();
            assert!(error.message().contains(words), "{error}");
        }
    }
}
