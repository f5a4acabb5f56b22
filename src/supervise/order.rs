//! Who comes up after whom (`[supervise] after`): what is wrong with such wishes, and the order that they give. They
//! only order what comes up together; nobody is started for another's sake.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ProfileName;

/// The wishes of all profiles; every profile that exists has an entry.
pub type Wishes = BTreeMap<ProfileName, Vec<ProfileName>>;

/// What is wrong with a profile's wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It comes after a profile that does not exist.
    Unknown(ProfileName),
    /// It comes after itself by way of these, in their order; itself is not among them.
    Cycle(Vec<ProfileName>),
}

/// What is wrong with the wishes of `name`, if anything is.
pub fn trouble(name: &ProfileName, wishes: &Wishes) -> Option<Trouble> {
    let own = wishes.get(name)?;
    if let Some(unknown) = own.iter().find(|other| !wishes.contains_key(*other)) {
        return Some(Trouble::Unknown(unknown.clone()));
    }
    let (mut way, mut seen) = (Vec::new(), BTreeSet::new());
    leads_back(name, name, wishes, &mut way, &mut seen).then_some(Trouble::Cycle(way))
}

/// Whether `from` comes after `goal`; `way` then holds those between them.
fn leads_back(
    goal: &ProfileName,
    from: &ProfileName,
    wishes: &Wishes,
    way: &mut Vec<ProfileName>,
    seen: &mut BTreeSet<ProfileName>,
) -> bool {
    for next in wishes.get(from).into_iter().flatten() {
        if next == goal {
            return true;
        }
        if seen.insert(next.clone()) {
            way.push(next.clone());
            if leads_back(goal, next, wishes, way, seen) {
                return true;
            }
            way.pop();
        }
    }
    false
}

/// `names` so that each stands behind those among them that it comes after; otherwise as they stand.
pub fn sorted(names: &[ProfileName], wishes: &Wishes) -> Vec<ProfileName> {
    let (mut placed, mut seen) = (Vec::new(), BTreeSet::new());
    names.iter().for_each(|name| place(name, wishes, &mut placed, &mut seen));
    placed.retain(|name| names.contains(name));
    placed
}

fn place(
    name: &ProfileName,
    wishes: &Wishes,
    placed: &mut Vec<ProfileName>,
    seen: &mut BTreeSet<ProfileName>,
) {
    if !seen.insert(name.clone()) {
        return;
    }
    wishes.get(name).into_iter().flatten().for_each(|other| place(other, wishes, placed, seen));
    placed.push(name.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        text.parse().unwrap()
    }

    fn wishes(text: &[(&str, &[&str])]) -> Wishes {
        let list = |all: &[&str]| all.iter().map(|one| name(one)).collect();
        text.iter().map(|(one, after)| (name(one), list(after))).collect()
    }

    #[test]
    fn those_before_stand_before_and_the_rest_keeps_its_place() {
        let all = wishes(&[("a", &["c"]), ("b", &[]), ("c", &["d"]), ("d", &[]), ("e", &["x"])]);
        let order = |names: &[&str]| -> Vec<String> {
            let names: Vec<_> = names.iter().map(|one| name(one)).collect();
            sorted(&names, &all).iter().map(ToString::to_string).collect()
        };
        assert_eq!(order(&["a", "b", "c", "d", "e"]), ["d", "c", "a", "b", "e"]);
        assert_eq!(order(&["a", "d"]), ["d", "a"], "by way of one that does not come up");
    }

    #[test]
    fn a_name_that_nobody_has_and_a_ring_are_found() {
        let all = wishes(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"]), ("e", &["x"])]);
        assert_eq!(trouble(&name("a"), &all), Some(Trouble::Cycle(vec![name("b"), name("c")])));
        assert_eq!(trouble(&name("d"), &all), None, "the ring is the others' trouble");
        assert_eq!(trouble(&name("e"), &all), Some(Trouble::Unknown(name("x"))));
        assert_eq!(trouble(&name("s"), &wishes(&[("s", &["s"])])), Some(Trouble::Cycle(vec![])));
        assert_eq!(sorted(&[name("a"), name("c")], &all).len(), 2, "a ring ends");
    }
}
