//! Which port block a new profile gets: the one that OpenClaw derives from the name, unless another profile has it
//! or it is in use (INCIDENTS B6). Decided once, when the profile is created, and written down from then on.

use crate::base::port::{BASE_MAX, BLOCK_SPAN, BLOCK_STRIDE, DERIVED_COUNT, DERIVED_MIN, derived_port};
use crate::base::{Error, Kind, PortBlock, ProfileName, Result};

/// Highest base that the search tries: the whole block stays inside the derived range.
const SEARCH_MAX: u16 = DERIVED_MIN + DERIVED_COUNT - 1 - BLOCK_SPAN;

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
    taken: &[(ProfileName, PortBlock)],
    busy: &dyn Fn(u16) -> bool,
) -> Result<Allocation> {
    let owner_of = |block: PortBlock| {
        taken.iter().filter(|(owner, _)| owner != name).find(|(_, other)| other.overlaps(block))
    };
    if let Some(port) = wanted {
        let block = PortBlock::at(check_base(port)?);
        return match owner_of(block) {
            None => Ok(Allocation { block, note: None }),
            Some((owner, other)) => Err(overlap(name, block, owner, *other)),
        };
    }
    let derived = derived_port(name);
    let mut note = None;
    let mut base = derived;
    // Each step goes up by 10 at least (an overlapping block begins at most 110 below), so two rounds through the
    // range are over before this many steps.
    for _ in 0..=2 * (DERIVED_COUNT / (BLOCK_STRIDE - BLOCK_SPAN)) {
        let block = PortBlock::at(base);
        let next = if let Some((owner, other)) = owner_of(block) {
            note.get_or_insert_with(|| {
                format!("port {derived} would overlap the profile `{owner}` ({other})")
            });
            other.base().saturating_add(BLOCK_STRIDE)
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

fn overlap(name: &ProfileName, block: PortBlock, owner: &ProfileName, other: PortBlock) -> Error {
    let what = format!("the ports {block} of `{name}` overlap the ports {other} of `{owner}`");
    let free = other.last().saturating_add(BLOCK_STRIDE - BLOCK_SPAN).min(BASE_MAX);
    Error::new(Kind::Config, "port_block_overlap", what)
        .profile(name)
        .remedy(format!("choose a port at least {BLOCK_STRIDE} away, for example {free}, or leave it out"))
}
