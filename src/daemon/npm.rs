//! Which file of this machine is the real OpenClaw, told by what it is and not by its name: the entry file of an npm
//! package `openclaw`. This program has the same name, and so may any wrapper around it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host::files;

/// The package's name, and the name of its program.
const NAME: &str = "openclaw";
/// Where npm keeps global packages, as seen from the folder of their programs.
const GLOBAL: &str = "../lib/node_modules/openclaw";
/// Longest shim that is read, in bytes; package managers write some hundred.
const SHIM_MAX: u64 = 16 * 1024;

/// The entry file of the package that `program`, a file called `openclaw` on PATH, leads to: through links, or
/// through the script that some package managers put there instead.
pub fn entry(program: &Path) -> Option<PathBuf> {
    let real = files::real_path(program);
    if is_entry(&real) {
        return Some(real);
    }
    let is_short = files::stamp(&real).is_some_and(|(.., length)| length <= SHIM_MAX);
    let text = is_short.then(|| files::read(&real).ok().flatten()).flatten()?;
    shimmed(&text, real.parent()?).map(|path| files::real_path(&path)).find(|path| is_entry(path))
}

/// The entry file of the package installed beside a folder of programs, whatever bears its name in that folder now.
pub fn installed_beside(folder: &Path) -> Option<PathBuf> {
    let package = folder.join(GLOBAL);
    let entry = package.join(bin_of(&package)?);
    files::is_there(&entry).then(|| files::real_path(&entry))
}

/// Whether `path` is the program of an npm package `openclaw`.
fn is_entry(path: &Path) -> bool {
    let Some(package) = path.parent() else { return false };
    bin_of(package).is_some_and(|bin| files::identity(&package.join(bin)) == files::identity(path))
        && files::is_there(path)
}

/// The program that the package in `folder` declares, when it is OpenClaw's.
fn bin_of(folder: &Path) -> Option<String> {
    let package: Value = serde_json::from_str(&files::read(&folder.join("package.json")).ok()??).ok()?;
    if package["name"] != NAME {
        return None;
    }
    let bin = package["bin"].as_str().or_else(|| package["bin"][NAME].as_str())?;
    let is_script = [".mjs", ".js", ".cjs"].iter().any(|ending| bin.ends_with(ending));
    is_script.then(|| bin.to_owned())
}

/// The scripts that a shim in `folder` names; it calls its own folder `$basedir`.
fn shimmed<'a>(text: &'a str, folder: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    let words = text.split(|letter: char| letter.is_whitespace() || letter == '"' || letter == '\'');
    words.filter(|word| word.ends_with("js") && word.contains(NAME)).filter_map(move |word| {
        match word.strip_prefix("$basedir/") {
            Some(below) => Some(folder.join(below)),
            None => Some(PathBuf::from(word)).filter(|path| path.is_absolute()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_names_its_script() {
        let shim = "#!/bin/sh\nbasedir=$(dirname \"$0\")\nexec node  \"$basedir/global/5/node_modules/openclaw/openclaw.mjs\" \"$@\"\n";
        let found: Vec<PathBuf> = shimmed(shim, Path::new("/p/bin")).collect();
        assert_eq!(found, [Path::new("/p/bin/global/5/node_modules/openclaw/openclaw.mjs")]);
        assert_eq!(shimmed("exec openclaw \"$@\"", Path::new("/p")).count(), 0);
    }
}
