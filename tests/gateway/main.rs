//! The embedded gateway as its clients meet it: a gateway in this process on a port of its own, held against
//! what was recorded of the real one and against the published schema.

// Tests may fail loudly, their helpers too.
#![allow(clippy::unwrap_used)]

#[path = "../e2e/browser.rs"]
mod browser;
#[path = "../fake/built.rs"]
mod built;
// Only the folder is asked for here.
#[allow(dead_code)]
#[path = "../e2e/npm.rs"]
mod npm;

mod advisories;
mod agent;
mod approvals;
mod bot_api;
mod calls;
mod captures;
mod chat;
mod devices;
mod drain;
mod flow;
mod fuzzed;
mod harness;
mod hooks;
mod http;
mod killed;
mod limits;
mod looks;
mod nodes;
mod official;
mod page;
mod pages;
mod pairing;
mod provider;
mod proxies;
mod requests;
mod schema;
mod sessions;
mod tailnet;
mod telegram;
mod tls;
mod ws;
