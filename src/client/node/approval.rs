//! What the gateway says of an approval: it counts only together with the plan that was approved, and for exactly that.
//! Whether it counts at all is the owner's to say ([`super::policy`]). Pure.

use serde_json::Value;

/// What was approved at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// To run it this once.
    Once,
    /// To run it whenever it is asked for.
    Always,
}

/// The approval that the parameters of `system.run` carry, if any.
///
/// # Errors
/// A sentence, where what was approved is not what they ask for.
pub fn read(params: &Value) -> Result<Option<Approval>, String> {
    let approval = match (&params["approvalDecision"], &params["approved"]) {
        (Value::String(decision), _) if decision == "allow-always" => Approval::Always,
        (Value::String(decision), _) if decision == "allow-once" => Approval::Once,
        (_, Value::Bool(true)) => Approval::Once,
        _ => return Ok(None),
    };
    let plan = &params["systemRunPlan"];
    let same = |name: &str| plan[name] == params[name];
    let matches = plan["argv"] == params["command"] && ["cwd", "agentId", "sessionKey"].into_iter().all(same);
    match matches {
        true => Ok(Some(approval)),
        false => Err("explicit approval requires matching systemRunPlan".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_approval_is_one_of_what_is_asked_for_or_none() {
        let asked = |more: Value| {
            let mut params =
                json!({"command": ["/bin/ls"], "systemRunPlan": {"argv": ["/bin/ls"], "cwd": null}});
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read(&params)
        };
        assert_eq!(asked(json!({})), Ok(None));
        assert_eq!(asked(json!({"approved": false, "approvalDecision": "deny"})), Ok(None));
        assert_eq!(asked(json!({"approved": true})), Ok(Some(Approval::Once)));
        assert_eq!(asked(json!({"approvalDecision": "allow-always"})), Ok(Some(Approval::Always)));
        for other in [
            json!({"command": ["/bin/rm"]}),
            json!({"cwd": "/tmp"}),
            json!({"sessionKey": "s"}),
            json!({"systemRunPlan": null}),
        ] {
            let mut claim = other;
            claim["approved"] = json!(true);
            assert!(asked(claim.clone()).is_err(), "{claim}");
        }
    }
}
