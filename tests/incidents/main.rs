//! What users of OpenClaw suffered, replayed on the real binary. Each test carries the id of its incident; each is as
//! small as it can be while it would fail if the promise broke.

// Tests may fail loudly and say why they skip something; their deadlines need a clock. Of the end-to-end world only
// a part is used here.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

#[path = "../e2e/fake.rs"]
mod fake;
#[path = "../e2e/look.rs"]
mod look;
#[path = "../e2e/ports.rs"]
mod ports;
#[path = "../sim/random.rs"]
mod random;
#[path = "../proxy/verbs.rs"]
mod verbs;
#[path = "../e2e/world.rs"]
mod world;

mod a1_lost_race;
mod a2_pid_namespaces;
mod a3_stale_records;
mod a5_aliases;
mod a6_crash_points;
mod a6_unclean_ends;
mod b1_matrix;
mod b1_routing;
mod b2_inherited;
mod b3_together;
mod b5_poll_clash;
mod b6_taken_blocks;
mod c10_memory;
mod c1_slow_boots;
mod c2_frozen;
mod c3_pairs;
mod c3_successors;
mod c5_alerts;
mod c5_restart_storms;
mod c6_groups;
mod c6_left_behind;
mod c8_drain;
mod c8_unit;
mod d1_bystanders;
mod d1_port_holders;
mod d2_answers;
mod d3_owners;
mod d3_service_files;
mod e1_pure_client;
mod e1_quiet_clients;
mod e2_cheap_calls;
mod f6_tailnet;
mod f7_tls;
mod foreground;
mod g1_reboot;
mod g1_registrations;
mod g4_upgrades;
mod g5_durability;
mod g6_ends;
mod g6_environments;
mod g6_exit_codes;
mod g6_launchd;
mod g6_notify;
mod g6_systemd;
mod g6_takeover;
mod h2_binds;
mod h2_reload;
mod i1_lockout;
mod i2_full_disk;
mod one_primary;
mod service_files;
mod user_units;
