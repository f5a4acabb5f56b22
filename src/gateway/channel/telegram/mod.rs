//! Telegram by its Bot API: messages come by long polling, answers go out in parts that it takes.
//!
//! | file | its part |
//! | --- | --- |
//! | `poll` | asks for updates and puts them into the inbox |
//! | `desk`, `stop` | what happens with each |
//! | `api`, `send` | questions to the Bot API, messages out |
//! | `notice` | messages that nobody asked for |
//! | `inbound`, `gate`, `pace`, `chunk`, `markup` | the decisions, pure |

pub mod api;
pub mod chunk;
pub mod desk;
pub mod gate;
pub mod inbound;
pub mod markup;
pub mod notice;
pub mod pace;
pub mod poll;
pub mod send;
mod stop;
