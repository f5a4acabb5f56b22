//! A client that holds one connection to a gateway open, to see that nothing breaks it.

use std::fs;
use std::path::Path;

use openclaw_supervisor::base::Secret;
use openclaw_supervisor::link::gateway::{Gateway, Opening};
use openclaw_supervisor::wire::ConnectParams;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::world::PATIENCE;

/// One client with one connection.
pub struct Held {
    runtime: Runtime,
    gateway: Gateway,
}

impl Held {
    /// Connects to the embedded gateway on `port`, whose configuration lies in `state_dir`.
    pub fn open(port: u16, state_dir: &Path) -> Held {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let text = fs::read_to_string(state_dir.join("openclaw.json")).unwrap_or_default();
        let config: Value = json5::from_str(&text).unwrap_or_default();
        let token = config["gateway"]["auth"]["token"].as_str().map(Secret::new);
        let connect = |_: &_| ConnectParams::backend("held", &[], token.as_ref(), None);
        let gateway = runtime.block_on(async {
            let connected = async { Opening::to(port).await.unwrap().shake_hands(connect).await };
            timeout(PATIENCE, connected).await.expect("no answer in time").expect("no hello")
        });
        Held { runtime, gateway }
    }

    /// Asks for the gateway's health on the connection that was opened at the beginning.
    #[track_caller]
    pub fn ask(&mut self) -> Value {
        let Held { runtime, gateway } = self;
        runtime.block_on(async {
            let asked = timeout(PATIENCE, gateway.call("health", json!({}))).await;
            asked.expect("no answer in time").expect("the connection was broken")
        })
    }
}
