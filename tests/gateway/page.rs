//! The page in a real browser, which walks through all of it.

use super::agent;
use super::browser::walk;
use super::harness::{Gateway, TOKEN, within};
use super::provider::{Provider, Scene};

#[tokio::test]
async fn the_page_in_a_real_browser() {
    let (gateway, strict) = (Gateway::start().await, strict().await);
    let mut steps = Vec::new();
    walk("page.mjs", &[gateway.port, strict.port], TOKEN, |line| steps.push(line.to_owned()));
    assert_eq!(steps, ["alone", "approved", "everything", "byKeyboard", "onPhone"]);
    for gateway in [gateway, strict] {
        assert!(!gateway.log().contains(TOKEN), "the log keeps no secret");
    }
}

#[tokio::test]
async fn the_official_client_in_a_real_browser() {
    let mut gateway = strict().await;
    let mut said = Vec::new();
    walk("browser-client.mjs", &[gateway.port], TOKEN, |line| {
        said.push(line.to_owned());
        if line == "stop" {
            gateway.ask_to_stop();
        }
    });
    assert_eq!(said, ["stop", "lived"]);
    gateway.join().unwrap();
}

/// A gateway that asks about every device, those of this machine included.
async fn strict() -> Gateway {
    Gateway::with(|options| options.embedded.nodes.auto_approve_local = false).await
}

#[tokio::test]
async fn an_answer_grows_and_is_stopped_in_a_real_browser() {
    let ((story, first), (more, second)) = (Scene::steps(), Scene::steps());
    let mut provider = Provider::start(vec![first, second]).await;
    let gateway = agent::gateway(&provider).await;
    let port = gateway.port;
    // While the browser walks, the provider has to go on speaking.
    let walked = tokio::task::spawn_blocking(move || {
        let (mut steps, mut more) = (Vec::new(), Some(more));
        walk("page-stream.mjs", &[port], TOKEN, |line| {
            steps.push(line.to_owned());
            match line {
                "thinks" => story.send("Once").unwrap(),
                "begins" => story.send(" upon a time").unwrap(),
                "thinks again" => more.as_ref().unwrap().send("It ended").unwrap(),
                // The end of the pieces is the end of the answer.
                "looks anew" => more.take().unwrap().send(" well.").unwrap(),
                _ => {}
            }
        });
        steps
    });
    let steps = walked.await.unwrap();
    assert_eq!(steps, ["thinks", "begins", "stopped", "thinks again", "looks anew", "whole"]);
    within("the provider to be left", provider.gone.recv()).await.unwrap();
}
