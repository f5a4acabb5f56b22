//! Ports: the default port of a name, as the real OpenClaw derives it (OPENCLAW.md 1.4), and the block of
//! ports that one gateway may use (OPENCLAW.md 1.6).

use std::fmt;

use super::ProfileName;

/// Port of the unnamed profile.
pub const DEFAULT_PORT: u16 = 18789;
/// Port of the profile `dev`, which the real program sets by its `--dev` switch.
pub const DEV_PORT: u16 = 19001;
/// Ports in a block behind the base: base + 2 browser control, + 10 relay, + 11 … + 110 CDP.
pub const BLOCK_SPAN: u16 = 110;
/// Highest base whose whole block fits below 65536.
pub const BASE_MAX: u16 = u16::MAX - BLOCK_SPAN;
/// Distance that OpenClaw's documentation recommends between two bases; the next free block is tried so far up.
pub const BLOCK_STRIDE: u16 = 120;
/// Lowest derived port of a named profile.
pub const DERIVED_MIN: u16 = 20000;
/// Number of derived ports: 20000 to 59999.
pub const DERIVED_COUNT: u16 = 40000;

/// The port that the real OpenClaw gives a profile of this name when nothing else is configured.
pub fn derived_port(name: &ProfileName) -> u16 {
    match name.as_str() {
        "default" => DEFAULT_PORT,
        "dev" => DEV_PORT,
        named => hashed_port(named),
    }
}

/// FNV-1a over the name's bytes, folded into 20000..=59999.
fn hashed_port(name: &str) -> u16 {
    let hash =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    DERIVED_MIN + (hash % u32::from(DERIVED_COUNT)) as u16
}

/// The ports that one gateway may use: base to base + 110, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortBlock {
    base: u16,
}

impl PortBlock {
    /// The block that begins at `base`.
    pub const fn at(base: u16) -> Self {
        PortBlock { base }
    }

    /// The gateway's own port.
    pub const fn base(self) -> u16 {
        self.base
    }

    /// The last port; a block near the top ends at 65535.
    pub const fn last(self) -> u16 {
        self.base.saturating_add(BLOCK_SPAN)
    }

    /// Whether a port lies in both blocks.
    pub const fn overlaps(self, other: PortBlock) -> bool {
        self.base <= other.last() && other.base <= self.last()
    }

    /// Whether `port` lies in the block.
    pub const fn contains(self, port: u16) -> bool {
        self.base <= port && port <= self.last()
    }
}

impl fmt::Display for PortBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.base, self.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors read off the real program (OPENCLAW.md 1.4).
    const VECTORS: [(&str, u16); 14] = [
        ("work", 41984),
        ("Work", 28704),
        ("WORK", 35456),
        ("rescue", 23532),
        ("main", 23592),
        ("ops", 55291),
        ("test", 53445),
        ("prod", 56084),
        ("staging", 28422),
        ("home", 32366),
        ("alpha", 38667),
        ("a", 22220),
        ("a-b", 58691),
        ("a_b", 59473),
    ];

    #[test]
    fn derived_ports_equal_the_real_programs() {
        for (name, port) in VECTORS {
            assert_eq!(derived_port(&name.parse().unwrap()), port, "{name}");
        }
        assert_eq!(derived_port(&ProfileName::default_profile()), 18789);
        assert_eq!(derived_port(&"dev".parse().unwrap()), 19001);
        assert_eq!(hashed_port("dev"), 38556);
    }

    #[test]
    fn blocks_overlap_when_a_port_is_in_both() {
        let rescue = PortBlock::at(23532);
        assert!(rescue.overlaps(PortBlock::at(23592)));
        assert!(PortBlock::at(23592).overlaps(rescue));
        assert!(rescue.overlaps(PortBlock::at(23532 + BLOCK_SPAN)));
        assert!(!rescue.overlaps(PortBlock::at(23532 + BLOCK_SPAN + 1)));
        assert_eq!(PortBlock::at(65500).last(), 65535);
    }
}
