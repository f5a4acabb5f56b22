//! Commands that send and run: messages to channels, to sessions and to agents, and what goes with each of them.

use clap::{Args as ClapArgs, Subcommand};

/// What makes a call safe to repeat.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Once {
    /// Repeating a call with the same key does nothing a second time; made up where it is left out
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}

/// What is sent, through which account and as an answer to what.
#[derive(Debug, ClapArgs)]
pub struct Letter {
    /// The text
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
    /// The channel's account
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// The message that this one answers
    #[arg(long, value_name = "ID")]
    pub reply_to: Option<String>,
    /// The thread that it goes to
    #[arg(long, value_name = "ID")]
    pub thread_id: Option<String>,
    /// Without a notification, where the channel can
    #[arg(long)]
    pub silent: bool,
    /// What makes it safe to repeat
    #[command(flatten)]
    pub once: Once,
}

/// `openclaw gateway send`
#[derive(Debug, ClapArgs)]
pub struct Send {
    /// Whom it goes to, as the channel writes it
    #[arg(long, visible_alias = "target", value_name = "DEST")]
    pub to: String,
    /// The channel; the gateway chooses where it is left out
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// What is sent
    #[command(flatten)]
    pub letter: Letter,
}

/// `openclaw message …`
#[derive(Debug, Subcommand)]
pub enum Message {
    /// Send a message to somebody on a channel
    Send {
        /// The channel, for example telegram; may be left out where only one is configured
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
        /// Whom it goes to, as the channel writes it
        #[arg(short, long, value_name = "DEST")]
        target: String,
        /// What is sent
        #[command(flatten)]
        letter: Letter,
    },
}

/// `openclaw agent`
#[derive(Debug, ClapArgs)]
pub struct Agent {
    /// What the agent is told
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
    /// The agent, where there are several
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// The session that it goes on in, by its key
    #[arg(long, visible_alias = "session-key", value_name = "KEY")]
    pub session: Option<String>,
    /// The same, by its id
    #[arg(long, value_name = "ID", conflicts_with = "session")]
    pub session_id: Option<String>,
    /// Whose session it is, as a channel writes it
    #[arg(short, long, value_name = "DEST")]
    pub to: Option<String>,
    /// Another model than the usual one
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// How much it thinks, for example low
    #[arg(long, value_name = "LEVEL")]
    pub thinking: Option<String>,
    /// The channel of the session or of the delivery
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Send what it says to the channel too
    #[arg(long)]
    pub deliver: bool,
    /// Wait for the last answer, as is always done
    #[arg(long)]
    pub expect_final: bool,
    /// What makes it safe to repeat
    #[command(flatten)]
    pub once: Once,
}
