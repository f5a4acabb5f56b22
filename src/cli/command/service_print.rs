//! `service print`: the service file as `install` would write it, or as it is shipped. Writes nothing.

use serde_json::json;

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::cli::args::{ManagerArg, Print, UnitArg};
use crate::cli::service::{Scene, verified};
use crate::service::form::{USUAL_START, USUAL_STOP};
use crate::service::{Form, Subject, property_list, unit_text};

/// Where packages put the program.
const PACKAGED: &str = "/usr/bin/openclaw";
/// The same by the package manager of macOS.
const PACKAGED_FOR_LAUNCHD: &str = "/usr/local/bin/openclaw";

/// Prints it.
pub fn run(context: &Context, print: &Print) -> Result<()> {
    let launchd = print.place.manager == Some(ManagerArg::Launchd);
    if print.unit != UnitArg::Service && launchd {
        let what = "launchd has no such file";
        return Err(Error::new(Kind::Usage, "usage", what).remedy("leave out --unit"));
    }
    if print.generic || print.unit != UnitArg::Service {
        let text = generic(context, print, launchd)?;
        return printed(context, None, &text, &[]);
    }
    let scene = Scene::new(context, &print.place)?;
    let (program, warnings) = verified(&scene)?;
    let piece = scene.piece(&scene.form(program)?)?;
    printed(context, Some(piece.path.display().to_string()), &piece.text, &warnings)
}

fn printed(context: &Context, path: Option<String>, text: &str, warnings: &[String]) -> Result<()> {
    for warning in warnings {
        context.render.notice(&format!("warning: {warning}"));
    }
    match context.render.is_json() {
        true => context.render.document(&json!({ "path": path, "text": text, "warnings": warnings })),
        false => drop(context.render.text(text)),
    }
    Ok(())
}

/// The text for everybody: no home, no profile's times.
fn generic(context: &Context, print: &Print, launchd: bool) -> Result<String> {
    let subject = match (print.unit, &context.global.profile) {
        (UnitArg::Socket, _) => return Ok(unit_text::socket()),
        (UnitArg::Template, _) => Subject::Template,
        (UnitArg::Service, Some(name)) => Subject::Gateway(name.parse()?),
        (UnitArg::Service, None) => Subject::Supervisor,
    };
    let program = if launchd { PACKAGED_FOR_LAUNCHD } else { PACKAGED };
    let form = Form {
        subject,
        program: program.into(),
        account: None,
        home: None,
        variables: Vec::new(),
        drain: USUAL_STOP,
        start: USUAL_START,
        log: "/dev/null".into(),
    };
    if launchd { property_list::text(&form) } else { Ok(unit_text::service(&form)) }
}
