//! Which port block a new profile gets: the one that OpenClaw derives from the name, unless another profile has it
//! or it is in use (INCIDENTS B6). Decided once, when the profile is created, and written down from then on. A profile
//! whose gateway is elsewhere gets a block as well, for the further forwards that it may need; what it claims from
//! others are the near ends of its link and nothing else (INCIDENTS F3).

use std::fmt;

use crate::base::port::{BASE_MAX, BLOCK_SPAN, BLOCK_STRIDE, DERIVED_COUNT, DERIVED_MIN, derived_port};
use crate::base::{Error, Kind, PortBlock, ProfileName, Result};

/// Highest base that the search tries: the whole block stays inside the derived range.
const SEARCH_MAX: u16 = DERIVED_MIN + DERIVED_COUNT - 1 - BLOCK_SPAN;

/// The ports that a profile claims on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// A gateway's: it may use any of them.
    Block(PortBlock),
    /// A link's: its near end and those of its further forwards.
    NearEnds(Vec<u16>),
}

impl Ports {
    /// The lowest and the highest port of the first range that is claimed twice.
    pub fn shared(&self, other: &Ports) -> Option<(u16, u16)> {
        if let (Ports::Block(mine), Ports::Block(their)) = (self, other) {
            let both = (mine.base().max(their.base()), mine.last().min(their.last()));
            return Some(both).filter(|(first, last)| first <= last);
        }
        let theirs = other.ranges();
        let both = |mine: (u16, u16)| {
            theirs.iter().map(move |their| (mine.0.max(their.0), mine.1.min(their.1))).find(|(a, b)| a <= b)
        };
        self.ranges().into_iter().find_map(both)
    }

    /// Every port of it once, as ranges whose ends belong to them.
    fn ranges(&self) -> Vec<(u16, u16)> {
        match self {
            Ports::Block(block) => vec![(block.base(), block.last())],
            Ports::NearEnds(ends) => ends.iter().map(|end| (*end, *end)).collect(),
        }
    }
}

impl From<PortBlock> for Ports {
    fn from(block: PortBlock) -> Ports {
        Ports::Block(block)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ports::Block(block) => block.fmt(f),
            Ports::NearEnds(ends) => {
                let ends: Vec<String> = ends.iter().map(u16::to_string).collect();
                f.write_str(&ends.join(", "))
            }
        }
    }
}

/// A block for a new profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The block.
    pub block: PortBlock,
    /// Why it is not the derived one, when it is not.
    pub note: Option<String>,
}

/// Chooses the block of a new profile. A `wanted` port is taken or refused, never changed; without one the search
/// begins at the derived port and is the same on every machine with the same profiles. `busy` says whether a port is
/// in use now; it is asked only in the search, since who holds a wanted port is for the conflict check to say.
///
/// # Errors
/// [`Kind::Usage`] for a wanted port outside 1 to 65425; [`Kind::Config`], code `port_block_overlap`, for one whose
/// block overlaps another profile's; [`Kind::Config`], code `ports_exhausted`, when no block is free.
pub fn allocate(
    name: &ProfileName,
    wanted: Option<u16>,
    taken: &[(ProfileName, Ports)],
    busy: &dyn Fn(u16) -> bool,
) -> Result<Allocation> {
    let owner_of = |block: PortBlock| {
        let block = Ports::from(block);
        let mut others = taken.iter().filter(|(owner, _)| owner != name);
        others.find_map(|(owner, other)| Some((owner, other, other.shared(&block)?)))
    };
    if let Some(port) = wanted {
        let block = PortBlock::at(check_base(port)?);
        return match owner_of(block) {
            None => Ok(Allocation { block, note: None }),
            Some((owner, other, shared)) => Err(overlap(name, block, owner, other, shared.1)),
        };
    }
    let derived = derived_port(name);
    let mut note = None;
    let mut base = derived;
    // Each step goes up by 10 at least (an overlapping block begins at most 110 below), so two rounds through the
    // range are over before this many steps.
    for _ in 0..=2 * (DERIVED_COUNT / (BLOCK_STRIDE - BLOCK_SPAN)) {
        let block = PortBlock::at(base);
        let next = if let Some((owner, other, (first, last))) = owner_of(block) {
            note.get_or_insert_with(|| {
                format!("port {derived} would overlap the profile `{owner}` ({other})")
            });
            match other {
                Ports::Block(other) => other.base().saturating_add(BLOCK_STRIDE),
                Ports::NearEnds(_) => last.max(first).saturating_add(BLOCK_STRIDE - BLOCK_SPAN),
            }
        } else if let Some(port) = (base..=block.last()).find(|port| busy(*port)) {
            note.get_or_insert_with(|| match port {
                port if port == derived => format!("port {port} is in use"),
                port => format!("port {port} of the block at {derived} is in use"),
            });
            base.saturating_add(BLOCK_STRIDE)
        } else {
            let note = note.map(|why| format!("{why}, so `{name}` gets port {base}"));
            return Ok(Allocation { block, note });
        };
        base = if (DERIVED_MIN..=SEARCH_MAX).contains(&next) { next } else { DERIVED_MIN };
    }
    Err(Error::new(Kind::Config, "ports_exhausted", format!("no block of {} ports is free", BLOCK_SPAN + 1))
        .profile(name)
        .remedy("name a port by --port, or remove a profile that you no longer use"))
}

/// Checks that a whole block fits above `port`.
///
/// # Errors
/// [`Kind::Usage`], code `port_invalid`, for 0 and for ports above 65425.
pub fn check_base(port: u16) -> Result<u16> {
    if (1..=BASE_MAX).contains(&port) {
        return Ok(port);
    }
    let what = format!(
        "port {port} is not from 1 to {BASE_MAX}: a gateway uses the {BLOCK_SPAN} ports above its own"
    );
    Err(Error::new(Kind::Usage, "port_invalid", what)
        .remedy(format!("choose a port from 1024 to {BASE_MAX}")))
}

fn overlap(name: &ProfileName, block: PortBlock, owner: &ProfileName, other: &Ports, last: u16) -> Error {
    let what = format!("the ports {block} of `{name}` overlap the ports {other} of `{owner}`");
    let last = if let Ports::Block(other) = other { other.last() } else { last };
    let free = last.saturating_add(BLOCK_STRIDE - BLOCK_SPAN).min(BASE_MAX);
    Error::new(Kind::Config, "port_block_overlap", what)
        .profile(name)
        .remedy(format!("choose a port at least {BLOCK_STRIDE} away, for example {free}, or leave it out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        text.parse().unwrap()
    }

    fn free(_: u16) -> bool {
        false
    }

    #[test]
    fn the_derived_block_is_kept_while_nobody_has_it() {
        let taken = [(name("rescue"), PortBlock::at(23532).into())];
        let work = allocate(&name("work"), None, &taken, &free).unwrap();
        assert_eq!(work, Allocation { block: PortBlock::at(41984), note: None });
        let again = allocate(&name("rescue"), None, &taken, &free).unwrap();
        assert_eq!((again.block.base(), again.note), (23532, None));
    }

    #[test]
    fn rescue_and_main_overlap_and_the_second_moves_past_the_first() {
        let taken = [(name("rescue"), PortBlock::at(23532).into())];
        let main = allocate(&name("main"), None, &taken, &free).unwrap();
        assert_eq!(main.block.base(), 23652);
        let note = "port 23592 would overlap the profile `rescue` (23532-23642), so `main` gets port 23652";
        assert_eq!(main.note.as_deref(), Some(note));
    }

    #[test]
    fn a_busy_port_anywhere_in_the_block_moves_it() {
        let busy = |port: u16| port == 41984 + 50;
        let work = allocate(&name("work"), None, &[], &busy).unwrap();
        assert_eq!(work.block.base(), 41984 + 120);
        assert!(work.note.unwrap().starts_with("port 42034 of the block at 41984 is in use"));
    }

    #[test]
    fn the_search_wraps_inside_the_derived_range() {
        // a_b derives 59473; what follows is taken up to the top.
        let taken: Vec<_> =
            (0..4).map(|n| (name(&format!("t{n}")), PortBlock::at(59473 + n * 120).into())).collect();
        assert_eq!(allocate(&name("a_b"), None, &taken, &free).unwrap().block.base(), DERIVED_MIN);
        // The default profile's own port is outside of it; so is the way back.
        let taken = [(name("other"), PortBlock::at(18750).into())];
        let default = allocate(&ProfileName::default_profile(), None, &taken, &free).unwrap();
        assert_eq!(default.block.base(), DERIVED_MIN);
    }

    #[test]
    fn a_wanted_port_is_taken_or_refused_but_never_changed() {
        let taken = [(name("home"), PortBlock::at(19789).into())];
        assert_eq!(allocate(&name("x"), Some(19900), &taken, &free).unwrap().block.base(), 19900);
        let error = allocate(&name("x"), Some(19899), &taken, &free).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Config, "port_block_overlap"));
        assert!(error.message().contains("`x`") && error.message().contains("`home`"), "{error}");
        for port in [0, 65426, 65535] {
            assert_eq!(allocate(&name("x"), Some(port), &[], &free).unwrap_err().kind(), Kind::Usage);
        }
        assert!(allocate(&name("x"), Some(65425), &[], &free).is_ok());
    }

    #[test]
    fn incident_f3_a_link_claims_its_near_ends_and_nothing_around_them() {
        let ends = |ports: &[u16]| Ports::NearEnds(ports.to_vec());
        let block = |base| Ports::Block(PortBlock::at(base));
        for (a, b, shared) in [
            (block(24000), block(24110), Some((24110, 24110))),
            (block(24000), block(24111), None),
            (block(24000), ends(&[24050]), Some((24050, 24050))),
            (block(24000), ends(&[23999, 24111]), None),
            (block(24000), ends(&[7000, 24110]), Some((24110, 24110))),
            (ends(&[24000]), ends(&[24001]), None),
            (ends(&[24000, 24002]), ends(&[24001, 24002]), Some((24002, 24002))),
            (ends(&[24000]), ends(&[24000]), Some((24000, 24000))),
        ] {
            assert_eq!(a.shared(&b), shared, "{a} and {b}");
            assert_eq!(b.shared(&a), shared, "{b} and {a}");
        }
        let taken = [(name("home"), ends(&[41984 + 20, 7000]))];
        assert_eq!(allocate(&name("work"), None, &taken, &free).unwrap().block.base(), 41984 + 30);
        let error = allocate(&name("x"), Some(41984), &taken, &free).unwrap_err();
        assert!(error.message().ends_with("42004, 7000 of `home`"), "{error}");
    }

    #[test]
    fn a_full_range_ends_in_an_error_not_in_a_loop() {
        let error = allocate(&name("work"), None, &[], &|_| true).unwrap_err();
        assert_eq!(error.code(), "ports_exhausted");
    }
}
