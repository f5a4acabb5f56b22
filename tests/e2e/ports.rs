//! Ports for tests that run beside each other, in one process or in many: a block belongs to whoever holds the
//! lock on its file, and the kernel gives it back however the test ends.

use std::fs::{self, File};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use openclaw_supervisor::base::port::{BLOCK_SPAN, BLOCK_STRIDE, derived_port};

use super::world::wait_for;

/// Blocks below the ports that the kernel gives to outgoing connections, so that none of those is in the way.
const CELLS: std::ops::Range<u16> = 170..270;

/// Blocks below those, and below the ports that OpenClaw begins with.
const MANY_CELLS: std::ops::Range<u16> = 20..150;

/// Where the next search begins: a port that was free a moment ago is left alone for a while.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Blocks of ports that nobody else uses while this value lives.
#[derive(Default)]
pub struct Claimed(Vec<File>);

impl Claimed {
    /// The base of a free block.
    pub fn block(&mut self) -> u16 {
        wait_for("a free block of ports", || {
            let cells = CELLS.end - CELLS.start;
            let turn = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id() as u16);
            let base = (CELLS.start + turn % cells) * BLOCK_STRIDE;
            self.claim(base).then_some(base)
        })
    }

    /// The bases of `count` free blocks, for a test that needs more than its share: from a range of their own.
    pub fn many(&mut self, count: usize) -> Vec<u16> {
        wait_for("many free blocks of ports", || {
            let before = self.0.len();
            let bases = MANY_CELLS.map(|cell| cell * BLOCK_STRIDE);
            let bases: Vec<u16> = bases.filter(|base| self.claim(*base)).take(count).collect();
            if bases.len() < count {
                self.0.truncate(before);
            }
            (bases.len() == count).then_some(bases)
        })
    }

    /// A name that begins with `stem` and whose derived block is free.
    pub fn name(&mut self, stem: &str) -> String {
        let allowed = CELLS.start * BLOCK_STRIDE..(CELLS.end - 1) * BLOCK_STRIDE;
        let names = (0_u16..10_000).map(|number| match number {
            0 => stem.to_owned(),
            number => format!("{stem}{number}"),
        });
        let fits = |name: &String| {
            let port = derived_port(&name.parse().unwrap());
            allowed.contains(&port) && self.claim(port)
        };
        { names }.find(fits).expect("some name's block is free")
    }

    fn claim(&mut self, base: u16) -> bool {
        let folder = std::env::temp_dir().join(format!("openclaw-e2e-ports-{}", nix::unistd::getuid()));
        fs::create_dir_all(&folder).unwrap();
        let mut held = Vec::new();
        for cell in base / BLOCK_STRIDE..=(base + BLOCK_SPAN) / BLOCK_STRIDE {
            let file = File::create(folder.join(cell.to_string())).unwrap();
            if file.try_lock().is_err() {
                return false;
            }
            held.push(file);
        }
        // Programs that are no tests of ours have no locks.
        let free = (base..=base + BLOCK_SPAN).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if free {
            self.0.append(&mut held);
        }
        free
    }
}
