//! The help pages, word for word.

use insta::assert_snapshot;

use super::world::World;

/// What the commands print, each under its line.
fn help(commands: &[&str]) -> String {
    let world = World::new();
    let page = |command: &&str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        format!("$ openclaw {command}\n{}", world.run(&words).ok().out)
    };
    commands.iter().map(page).collect()
}

#[test]
fn the_first_help_page() {
    assert_snapshot!(help(&["--help"]), @r"
        $ openclaw --help
        Profile-isolated multi-gateway supervisor for OpenClaw

        Usage: openclaw [OPTIONS] <COMMAND>

        Commands:
          profile      Start, stop and look after profiles
          supervisor   The background process that keeps gateways alive
          service      The supervisor, or with --profile one gateway, as a service of systemd or launchd
          gateway      Run or ask the selected profile's gateway
          host         Every gateway on this host, whoever started it
          health       Ask the selected profile's gateway how it is
          status       Show the selected profile's gateway and what it does
          node         This machine as a node of the selected gateway
          nodes        Nodes of the selected gateway
          devices      Devices of the selected gateway
          sessions     Sessions of the selected gateway
          agent        Tell the selected gateway's agent something, and print what it says as it comes
          message      Messages through the selected gateway's channels
          channels     Channels of the selected gateway
          pairing      People who wait to be let in to the selected gateway's channels
          models       Models of the selected gateway
          cron         Scheduled jobs of the selected gateway
          logs         The selected gateway's log
          dashboard    The selected gateway's page in the browser
          config       The selected gateway's configuration
          completions  Print the completions of a shell

        Options:
              --profile <NAME>        The profile that is meant (also OPENCLAW_PROFILE)
              --dev                   Short for the profile `dev` on port 19001
              --json                  Print one JSON document and nothing else
              --no-color              Print without colours (also NO_COLOR)
              --timeout <DURATION>    How long the command may take: 30s, 5m; 5000 to a gateway is 5 s
              --url <URL>             Ask this gateway instead, with credentials given beside it
              --token-file <FILE>     A file that holds the token
              --password-file <FILE>  A file that holds the password
              --token <TOKEN>         The token; every process of this host can see it
              --password <PASSWORD>   The password; every process of this host can see it
              --tls-fingerprint <FP>  The SHA-256 that a wss:// gateway's certificate must have
          -v, --verbose               Say more about what is done and why
          -h, --help                  Print help
          -V, --version               Print version

        Begin with: openclaw profile start work
    ");
}

#[test]
fn the_help_of_profiles_and_of_one_of_its_verbs() {
    assert_snapshot!(help(&["profile --help"]), @r"
        $ openclaw profile --help
        Start, stop and look after profiles

        Usage: openclaw profile [OPTIONS] <COMMAND>

        Commands:
          start     Start profiles, creating those that do not exist, and wait until they are ready
          stop      Stop profiles
          restart   Stop and start profiles as one operation
          list      List every profile of this user [alias: ls]
          create    Create a profile without starting it
          clone     Create a profile like another one, with ports, paths and tokens of its own
          rm        Remove what this program created of a profile; without --yes, show what that is
          rollback  Put back the files with which the gateway last worked, when a change keeps it from
                    booting
          show      Show everything about one profile
          adopt     Take an existing state directory under supervision
          check     Prove isolation without starting anything
          logs      Print the captured output of a profile's gateway
          env       Print the profile's environment for a shell
          exec      Run a command in the profile's environment
          trust     Show which certificate a gateway elsewhere shows and which one is trusted; trust it on
                    your word
          use       Set which profile is meant when nothing else says so, or show which one is

        Options:
              --profile <NAME>        The profile that is meant (also OPENCLAW_PROFILE)
              --dev                   Short for the profile `dev` on port 19001
              --json                  Print one JSON document and nothing else
              --no-color              Print without colours (also NO_COLOR)
              --timeout <DURATION>    How long the command may take: 30s, 5m; 5000 to a gateway is 5 s
              --url <URL>             Ask this gateway instead, with credentials given beside it
              --token-file <FILE>     A file that holds the token
              --password-file <FILE>  A file that holds the password
              --token <TOKEN>         The token; every process of this host can see it
              --password <PASSWORD>   The password; every process of this host can see it
              --tls-fingerprint <FP>  The SHA-256 that a wss:// gateway's certificate must have
          -v, --verbose               Say more about what is done and why
          -h, --help                  Print help
    ");
    assert_snapshot!(help(&["profile create --help"]), @r"
        $ openclaw profile create --help
        Create a profile without starting it

        Usage: openclaw profile create [OPTIONS] <NAME> [-- <COMMAND>...]

        Arguments:
          <NAME>
                  The new profile

          [COMMAND]...
                  For the runtime `command`: the program and its arguments, with {port}, {state_dir},
                  {profile}

        Options:
              --from <TEMPLATE>
                  The template: default, work, rescue

              --profile <NAME>
                  The profile that is meant (also OPENCLAW_PROFILE)

              --dev
                  Short for the profile `dev` on port 19001

              --runtime <RUNTIME>
                  What the gateway is made of

                  Possible values:
                  - auto:     The real OpenClaw where it is installed, else the embedded gateway
                  - embedded: The gateway of this program
                  - openclaw: The real OpenClaw
                  - command:  Any other program

              --json
                  Print one JSON document and nothing else

              --port <PORT>
                  The gateway's port; the 110 above it belong to the profile too

              --allow-shared-channel[=<CHANNEL>]
                  Let another profile use the same bot; without CHANNEL those shared now, else any

              --no-color
                  Print without colours (also NO_COLOR)

              --remote <URL>
                  Where it is: ssh://user@host:port, wss://host, or ws://host:port on a private network

              --timeout <DURATION>
                  How long the command may take: 30s, 5m; 5000 to a gateway is 5 s

              --remote-port <PORT>
                  The gateway's port at the far end of the tunnel

              --url <URL>
                  Ask this gateway instead, with credentials given beside it

              --identity <FILE>
                  The SSH key file

              --token-file <FILE>
                  A file that holds the token

              --known-hosts <FILE>
                  The file of known SSH host keys

              --password-file <FILE>
                  A file that holds the password

              --host-key-policy <HOST_KEY_POLICY>
                  Who decides about an unknown SSH host key: strict refuses it, openssh asks the SSH
                  configuration

                  Possible values:
                  - strict:  It is refused
                  - openssh: The SSH configuration decides

              --token <TOKEN>
                  The token; every process of this host can see it

              --password <PASSWORD>
                  The password; every process of this host can see it

              --tls-fingerprint <FP>
                  The SHA-256 that a wss:// gateway's certificate must have

          -v, --verbose
                  Say more about what is done and why

          -h, --help
                  Print help (see a summary with '-h')
    ");
}

#[test]
fn the_help_of_the_supervisor_and_of_the_gateway() {
    assert_snapshot!(help(&["supervisor --help", "gateway --help"]), @r"
        $ openclaw supervisor --help
        The background process that keeps gateways alive

        Usage: openclaw supervisor [OPTIONS] <COMMAND>

        Commands:
          run     Run the supervisor in the foreground
          status  Show the running supervisor
          reload  Become this program, for example after an upgrade; no gateway is restarted
          stop    Stop every gateway and the supervisor; what was up comes back with the next one

        Options:
              --profile <NAME>        The profile that is meant (also OPENCLAW_PROFILE)
              --dev                   Short for the profile `dev` on port 19001
              --json                  Print one JSON document and nothing else
              --no-color              Print without colours (also NO_COLOR)
              --timeout <DURATION>    How long the command may take: 30s, 5m; 5000 to a gateway is 5 s
              --url <URL>             Ask this gateway instead, with credentials given beside it
              --token-file <FILE>     A file that holds the token
              --password-file <FILE>  A file that holds the password
              --token <TOKEN>         The token; every process of this host can see it
              --password <PASSWORD>   The password; every process of this host can see it
              --tls-fingerprint <FP>  The SHA-256 that a wss:// gateway's certificate must have
          -v, --verbose               Say more about what is done and why
          -h, --help                  Print help
        $ openclaw gateway --help
        Run or ask the selected profile's gateway

        Usage: openclaw gateway [OPTIONS] <COMMAND>

        Commands:
          run         Run the selected profile's gateway in the foreground
          stop        Stop the gateway, through whoever runs it
          restart     Restart the gateway, through whoever runs it
          health      Ask the gateway how it is
          status      Show the gateway's place, who listens there, and whether it lets us in
          probe       Try every configured way to the gateway
          usage-cost  Show what the models cost
          stability   Show what the gateway recorded of its own health
          send        Send a message to somebody on a channel
          agent       Tell the agent something, and print what it says as it comes
          call        Call one method of the Gateway protocol

        Options:
              --profile <NAME>        The profile that is meant (also OPENCLAW_PROFILE)
              --dev                   Short for the profile `dev` on port 19001
              --json                  Print one JSON document and nothing else
              --no-color              Print without colours (also NO_COLOR)
              --timeout <DURATION>    How long the command may take: 30s, 5m; 5000 to a gateway is 5 s
              --url <URL>             Ask this gateway instead, with credentials given beside it
              --token-file <FILE>     A file that holds the token
              --password-file <FILE>  A file that holds the password
              --token <TOKEN>         The token; every process of this host can see it
              --password <PASSWORD>   The password; every process of this host can see it
              --tls-fingerprint <FP>  The SHA-256 that a wss:// gateway's certificate must have
          -v, --verbose               Say more about what is done and why
          -h, --help                  Print help
    ");
}
