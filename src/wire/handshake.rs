//! The client's side of the handshake as a pure state: frames in, frames out (OPENCLAW.md 4.2). Tested
//! without a socket; `client/` and the supervisor's readiness probe drive the same one.

use super::connect::{Challenge, ConnectParams, HelloOk};
use super::{Fault, Frame};

/// The id of the one `connect` request.
const CONNECT_ID: &str = "connect";

/// Where a handshake stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Handshake {
    /// The gateway's challenge has not come yet.
    AwaitChallenge,
    /// `connect` is sent, its answer has not come yet.
    AwaitHello,
}

/// What to do after a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send this frame and go on reading.
    Send(Box<Frame>),
    /// Nothing; go on reading.
    Wait,
    /// The connection is open.
    Open(Box<HelloOk>),
    /// The gateway refused.
    Refused(Fault),
    /// What came is not the Gateway protocol; the reason in words.
    Foreign(String),
}

impl Handshake {
    /// Takes the next frame. `connect` makes the parameters once the challenge is known, so that a device
    /// can sign it.
    pub fn take(&mut self, frame: Frame, connect: impl FnOnce(&Challenge) -> ConnectParams) -> Step {
        match (&self, frame) {
            (Handshake::AwaitChallenge, Frame::Event(event)) if event.event == "connect.challenge" => {
                let challenge =
                    event.payload.and_then(|payload| serde_json::from_value::<Challenge>(payload).ok());
                let Some(challenge) = challenge.filter(|challenge| !challenge.nonce.is_empty()) else {
                    return Step::Foreign("its challenge has no nonce".into());
                };
                *self = Handshake::AwaitHello;
                let params = serde_json::to_value(connect(&challenge)).unwrap_or_default();
                Step::Send(Box::new(Frame::request(CONNECT_ID, "connect", params)))
            }
            (Handshake::AwaitHello, Frame::Res(response)) if response.id == CONNECT_ID => {
                if let Some(fault) = response.error {
                    return Step::Refused(fault);
                }
                match response.payload.map(serde_json::from_value::<HelloOk>) {
                    Some(Ok(hello)) if response.ok && hello.r#type == "hello-ok" => {
                        Step::Open(Box::new(hello))
                    }
                    Some(Err(error)) => Step::Foreign(format!("its hello cannot be read: {error}")),
                    _ => Step::Foreign("its answer to connect is no hello-ok".into()),
                }
            }
            (Handshake::AwaitChallenge, Frame::Res(response)) => match response.error {
                Some(fault) => Step::Refused(fault),
                None => Step::Foreign("it answered before it was asked".into()),
            },
            // Events may overtake the hello; a later frame says more.
            (_, Frame::Event(_)) | (Handshake::AwaitHello, Frame::Res(_)) => Step::Wait,
            (_, Frame::Req(_)) => Step::Foreign("it sent a request during the handshake".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn challenge() -> Frame {
        Frame::event("connect.challenge", json!({"nonce": "n1", "ts": 7, "capabilities": []}))
    }

    fn hello() -> serde_json::Value {
        json!({"type": "hello-ok", "protocol": 4, "server": {"version": "1", "connId": "c"},
            "features": {"methods": ["health"], "events": []},
            "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
            "auth": {"role": "operator", "scopes": []},
            "policy": {"maxPayload": 1, "maxBufferedBytes": 1, "tickIntervalMs": 1}})
    }

    #[test]
    fn challenge_then_connect_then_hello() {
        let mut handshake = Handshake::AwaitChallenge;
        let Step::Send(frame) = handshake.take(challenge(), |challenge| {
            assert_eq!((challenge.nonce.as_str(), challenge.ts), ("n1", 7));
            ConnectParams { min_protocol: 4, max_protocol: 4, ..ConnectParams::default() }
        }) else {
            panic!("expected connect");
        };
        let Frame::Req(request) = *frame else { panic!("expected a request") };
        assert_eq!((request.method.as_str(), &request.params["minProtocol"]), ("connect", &json!(4)));
        assert_eq!(handshake.take(Frame::event("tick", json!({})), |_| unreachable!()), Step::Wait);
        let step = handshake.take(Frame::success(request.id, hello()), |_| unreachable!());
        assert!(matches!(step, Step::Open(hello) if hello.server.version == "1"));
    }

    #[test]
    fn a_refusal_is_passed_on_whole() {
        let mut handshake = Handshake::AwaitHello;
        let fault = Fault::invalid("unauthorized").details(json!({"code": "AUTH_TOKEN_MISMATCH"}));
        let step = handshake.take(Frame::failure(CONNECT_ID, fault.clone()), |_| unreachable!());
        assert_eq!(step, Step::Refused(fault));
    }

    #[test]
    fn what_is_no_gateway_is_called_so() {
        let odd = [
            (Handshake::AwaitChallenge, Frame::event("connect.challenge", json!({"ts": 1}))),
            (Handshake::AwaitChallenge, Frame::success("x", json!({}))),
            (Handshake::AwaitHello, Frame::success(CONNECT_ID, json!({"type": "other"}))),
            (Handshake::AwaitHello, Frame::request("1", "health", json!({}))),
        ];
        for (mut handshake, frame) in odd {
            let step = handshake.take(frame.clone(), |_| ConnectParams::default());
            assert!(matches!(step, Step::Foreign(_)), "{frame:?} gave {step:?}");
        }
    }
}
