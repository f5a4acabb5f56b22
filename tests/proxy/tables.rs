//! What people see: tables that fit the width.

use insta::assert_snapshot;

use super::recorded::{VERBS, recorded, words};
use super::world::{Said, World, said};

fn wide(world: &World, verb: &str, columns: &str) -> Said {
    said(world.command(&words(verb, &[])).env("COLUMNS", columns).spawn().unwrap()).ok()
}

#[test]
fn no_table_is_wider_than_wanted() {
    let world = recorded(&[]);
    for (verb, _) in
        VERBS.iter().filter(|(verb, _)| !["health", "gateway health", "config get"].contains(verb))
    {
        for columns in [60, 100, 160] {
            let said = wide(&world, verb, &columns.to_string());
            let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{verb} at {columns}: {}", said.out);
            assert!(said.err.is_empty() && !said.out.contains('\u{1b}'), "{verb}: {said:?}");
        }
    }
}

#[test]
fn tables_at_three_widths() {
    let world = recorded(&[]);
    let all = |columns: &str| {
        ["channels status", "models list"].map(|verb| wide(&world, verb, columns).out).concat()
    };
    let text = ["sessions history main", "config get"].map(|verb| wide(&world, verb, "60").out).concat();
    assert_snapshot!(text, @r#"
        user: hello
        assistant: hi there
        {
          "channels": {
            "telegram": {
              "botToken": "__OPENCLAW_REDACTED__"
            }
          },
          "gateway": {
            "auth": {
              "mode": "token",
              "token": "__OPENCLAW_REDACTED__"
            },
            "mode": "local",
            "port": 23100
          }
        }
    "#);
    assert_snapshot!(all("60"), @r"
         CHANNEL   ACCOUNT  STATE                   LAST ERROR
         Telegram  default  running, not connected  unauthorized
         MODEL         NAME         INPUT        CONTEXT  AVAILABLE
         openai/gpt-6  GPT-6 Astra  text, image  200000   yes
         -astra
    ");
    assert_snapshot!(all("100"), @r"
         CHANNEL   ACCOUNT  STATE                   LAST ERROR
         Telegram  default  running, not connected  unauthorized
         MODEL               NAME         INPUT        CONTEXT  AVAILABLE
         openai/gpt-6-astra  GPT-6 Astra  text, image  200000   yes
    ");
    assert_snapshot!(all("160"), @r"
         CHANNEL   ACCOUNT  STATE                   LAST ERROR
         Telegram  default  running, not connected  unauthorized
         MODEL               NAME         INPUT        CONTEXT  AVAILABLE
         openai/gpt-6-astra  GPT-6 Astra  text, image  200000   yes
    ");
}
