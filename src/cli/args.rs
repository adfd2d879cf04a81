//! The command line as clap reads it: what all verbs share. Each verb's own arguments are in its file.

use std::{
    fs,
    num::{NonZeroU16, NonZeroUsize},
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use provider_core::{StaticHost, TagMatch};

use super::{
    check, completions, demo, deploy, error::CliError, host_keys, hosts, init, man, narrow::NarrowArgs, numbers, plan,
    report, rollback, run, ssh,
};
use crate::config::{
    AddressKind, DeployTable, EnvValue, FailureLimit, HostKeys, HumanDuration, Jump, OnLost, Overrides, PortFrom,
    ProxyCommand, SshTable, UserFrom, Word, parse_tag,
};

/// Runs a deploy script on every server that carries a tag, in AWS, Google Cloud and Azure, over SSH.
#[derive(Debug, Parser)]
#[command(name = "fleetwide", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  fleetwide demo                       see it work, without a cloud account
  fleetwide init                       write a commented fleetwide.toml
  fleetwide hosts web                  which servers does target `web` mean, right now?
  fleetwide deploy web                 deploy this checkout's commit to all of them
  fleetwide rollback web               roll them back to the revisions they had before
  fleetwide run web -- uptime          run one command on all of them
  fleetwide ssh web web-7              log in on one of them

Exit codes: 0 all well · 2 usage · 3 discovery failed · 4 too few hosts · 7 some failed, within the
budget · 8 stopped, the fleet is mixed · 9 all rolled back · 10 not all rolled back · 130/143
interrupted. With 2 to 4, no host was touched.")]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// The command line for clap. An empty variable counts as unset, because pipelines pass unset ones on as empty.
pub(super) fn command() -> clap::Command {
    Cli::command().mut_args(|arg| {
        let is_empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if is_empty { arg.env(None) } else { arg }
    })
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Hosts(hosts::HostsArgs),
    Plan(plan::PlanArgs),
    Deploy(deploy::DeployArgs),
    Rollback(rollback::RollbackArgs),
    Run(run::RunArgs),
    Ssh(ssh::SshArgs),
    Report(report::ReportArgs),
    Check(check::CheckArgs),
    HostKeys(host_keys::HostKeysArgs),
    Init(init::InitArgs),
    Demo(demo::DemoArgs),
    /// Print the JSON Schema of fleetwide.toml
    Schema,
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Options of every verb.
#[derive(Debug, Args)]
pub(super) struct GlobalArgs {
    /// The configuration file [default: fleetwide.toml here or in a folder above]
    #[arg(long, value_name = "FILE", global = true, env = "FLEETWIDE_CONFIG", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,
    /// What to print; not every verb prints every kind
    #[arg(long, value_name = "KIND", global = true, default_value = "human")]
    pub(super) output: Output,
    /// The pipeline that reads the log and gets annotations, folded logs and a summary
    #[arg(long, value_name = "KIND", global = true, default_value = "auto", env = "FLEETWIDE_PIPELINE")]
    pub(super) pipeline: PipelineKind,
    /// Print less: only failures and the closing line
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print more: every host's start and end, and all output
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people: progress, failures in full, tables
    Human,
    /// Every line that servers print, as it comes, after the server's name
    Stream,
    /// What servers print, equal outputs once, with the servers' names
    Group,
    /// For programs: one JSON value, or one JSON event a line where scripts run
    Json,
    /// (hosts) A file for `ssh -F`
    SshConfig,
    /// (hosts) An inventory for Ansible
    Ansible,
    /// (hosts) Comma-separated values
    Csv,
}

impl Output {
    /// Refuses an output that `verb` cannot print.
    pub(super) fn suits(self, verb: &Verb) -> Result<(), CliError> {
        let kinds: &[Self] = match verb {
            Verb::Deploy(_) | Verb::Rollback(_) | Verb::Run(_) | Verb::Demo(_) => {
                &[Self::Human, Self::Stream, Self::Group, Self::Json]
            }
            Verb::Hosts(_) => &[Self::Human, Self::Json, Self::SshConfig, Self::Ansible, Self::Csv],
            Verb::HostKeys(_) | Verb::Plan(_) | Verb::Check(_) | Verb::Schema => &[Self::Human, Self::Json],
            Verb::Init(_) | Verb::Completions(_) | Verb::Man(_) | Verb::Ssh(_) | Verb::Report(_) => &[Self::Human],
        };
        if kinds.contains(&self) {
            return Ok(());
        }
        let word = |kind: &Self| kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        Err(CliError::Usage {
            message: format!("this verb cannot print `--output {}`", word(&self)),
            hint: Some(format!("it prints: {}", kinds.iter().map(word).collect::<Vec<_>>().join(", "))),
        })
    }
}

/// The pipeline that runs Fleetwide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PipelineKind {
    /// Found from the environment.
    Auto,
    /// GitHub Actions, Gitea, Forgejo.
    #[value(name = "github")]
    GitHub,
    /// GitLab CI.
    #[value(name = "gitlab")]
    GitLab,
    /// Azure Pipelines.
    Azure,
    /// None: a log like any other.
    None,
}

/// Which target, or which servers without one.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// The target in fleetwide.toml; needed if there are several, unless flags say where to look
    #[arg(value_name = "TARGET", add = ArgValueCandidates::new(completions::targets))]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) select: SelectArgs,
    #[command(flatten)]
    pub(super) narrow: NarrowArgs,
}

/// Servers and the way to them, by flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Servers, with or without a file")]
pub(super) struct SelectArgs {
    /// Ask AWS in this region (repeat, or `all`)
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    aws_region: Vec<String>,
    /// Ask AWS with this profile
    #[arg(long, value_name = "PROFILE")]
    aws_profile: Option<String>,
    /// Ask Google Cloud in this project (repeat)
    #[arg(long, value_name = "PROJECT", value_delimiter = ',')]
    gcp_project: Vec<String>,
    /// Ask Azure in this subscription (repeat)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    azure_subscription: Vec<String>,
    /// This server (repeat); asks no cloud
    #[arg(long, value_name = "[USER@]ADDRESS[:PORT]", value_delimiter = ',', value_parser = StaticHost::from_address)]
    host: Vec<StaticHost>,
    /// The servers in this file, one address per line or TOML; asks no cloud
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    hosts_file: Option<PathBuf>,
    /// Only servers that carry this tag (repeat: all must match); `*` and `?` are wildcards
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, TagMatch)>,
    /// Fail if fewer servers than this are found
    #[arg(long, value_name = "N", value_parser = numbers::positive, allow_negative_numbers = true)]
    min_hosts: Option<NonZeroUsize>,
    /// Log in as this user
    #[arg(long, value_name = "NAME")]
    user: Option<Word>,
    /// The SSH port
    #[arg(long, value_name = "PORT", value_parser = numbers::port, allow_negative_numbers = true)]
    port: Option<NonZeroU16>,
    /// The private key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    identity_file: Option<PathBuf>,
    /// Go through this host, or several separated by commas, in this order
    #[arg(long, value_name = "[USER@]HOST[:PORT]", conflicts_with = "proxy_command")]
    jump: Option<Jump>,
    /// Connect through this command; {id}, {name}, {region}, {zone}, … are filled in per server
    #[arg(long, value_name = "COMMAND")]
    proxy_command: Option<ProxyCommand>,
    /// The `ssh_config` to read instead of your own
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    ssh_config: Option<PathBuf>,
    /// What to do with unknown host keys: accept-new, strict or cloud
    #[arg(long, value_name = "HOW")]
    host_keys: Option<HostKeys>,
    /// Kinds of address, in order of preference: `private_ipv4`, `public_ipv4`, `public_ipv6`,
    /// `private_dns`, `public_dns`, `name`, `tag:KEY`
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    address: Vec<AddressKind>,
    /// How long a connection may take (10s)
    #[arg(long, value_name = "TIME")]
    connect_timeout: Option<HumanDuration>,
}

/// How the work is done, by flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How it runs")]
pub(super) struct PolicyArgs {
    /// Work on at most this many hosts at once
    #[arg(long, value_name = "N", value_parser = numbers::positive, allow_negative_numbers = true)]
    concurrency: Option<NonZeroUsize>,
    /// Start nothing new once more hosts than this have failed (3, or 5%)
    #[arg(long, value_name = "N|N%", allow_negative_numbers = true)]
    max_failures: Option<FailureLimit>,
    /// How long the script may run (90s, 10m, 1h)
    #[arg(long, value_name = "TIME")]
    timeout: Option<HumanDuration>,
    /// How long the script may be silent
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<HumanDuration>,
    /// What happens to a running script when contact is lost: finish or kill
    #[arg(long, value_name = "WHAT")]
    on_lost: Option<OnLost>,
    /// Run it as root on the servers, through `sudo -n`, which must not need a password
    #[arg(long)]
    sudo: bool,
    /// Set a variable for the script (repeat); for a secret, use `{ env = "NAME" }` in the file
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
}

/// What a run leaves behind.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reports and logs")]
pub(super) struct RecordArgs {
    /// Write a report on every host, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) report: Option<PathBuf>,
    /// Write a JUnit file with one test case per host, for pipelines that show such files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) junit: Option<PathBuf>,
    /// Write the report as a page for a browser
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) html: Option<PathBuf>,
    /// Write each host's complete output to its own file in this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) log_dir: Option<PathBuf>,
}

impl RecordArgs {
    /// Refuses two records in the same file: one would overwrite the other.
    pub(super) fn are_apart(&self) -> Result<(), CliError> {
        let files = [("--report", &self.report), ("--junit", &self.junit), ("--html", &self.html)];
        let files = files.into_iter().filter_map(|(flag, file)| Some((flag, real(file.as_deref()?, LINKS))));
        let mut known: Vec<(&str, PathBuf)> = Vec::new();
        for (flag, file) in files {
            if let Some((other, _)) = known.iter().find(|(_, known)| *known == file) {
                return Err(CliError::Usage {
                    message: format!("{other} and {flag} name the same file"),
                    hint: Some("each is of another kind (JSON, XML, HTML): give it a file of its own".to_owned()),
                });
            }
            known.push((flag, file));
        }
        Ok(())
    }
}

/// How many symbolic links are followed to a file: as many as by the system itself (`path_resolution(7)`).
const LINKS: usize = 40;

/// The real path of a file, or the path at which it would be created.
fn real(file: &Path, links: usize) -> PathBuf {
    if let Ok(found) = fs::canonicalize(file) {
        return found;
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let (Ok(target), 1..) = (fs::read_link(file), links) {
        return real(&folder.join(target), links - 1);
    }
    match (fs::canonicalize(folder), file.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        // The file cannot be created; the error comes from the attempt.
        (Err(_), _) | (_, None) => file.to_owned(),
    }
}

impl SelectArgs {
    /// The settings of these flags.
    pub(super) fn overrides(&self) -> Overrides {
        let some = |address: &Vec<AddressKind>| Some(address.clone()).filter(|kinds| !kinds.is_empty());
        Overrides {
            aws_regions: self.aws_region.clone(),
            aws_profile: self.aws_profile.clone(),
            gcp_projects: self.gcp_project.clone(),
            azure_subscriptions: self.azure_subscription.clone(),
            hosts: self.host.clone(),
            hosts_file: self.hosts_file.clone(),
            tags: self.tag.iter().cloned().collect(),
            min_hosts: self.min_hosts,
            ssh: SshTable {
                user: self.user.clone().map(UserFrom::Fixed),
                port: self.port.map(PortFrom::Fixed),
                address: some(&self.address),
                jump: self.jump.clone(),
                proxy_command: self.proxy_command.clone(),
                identity_file: self.identity_file.clone(),
                config_file: self.ssh_config.clone(),
                host_keys: self.host_keys,
                keepalive: None,
            },
            deploy: DeployTable { connect_timeout: self.connect_timeout, ..DeployTable::default() },
            ..Overrides::default()
        }
    }
}

impl PolicyArgs {
    /// Refuses a failure budget, for a verb that has none.
    pub(super) fn refuse_budget(&self) -> Result<(), CliError> {
        match self.max_failures {
            None => Ok(()),
            Some(_) => Err(CliError::Usage {
                message: "--max-failures means nothing here: no failure stops the others".to_owned(),
                hint: Some("leave it out; no host was touched".to_owned()),
            }),
        }
    }

    /// Adds the settings of these flags.
    pub(super) fn add_to(&self, overrides: &mut Overrides) {
        let deploy = &mut overrides.deploy;
        deploy.concurrency = self.concurrency;
        deploy.max_failures = self.max_failures;
        deploy.timeout = self.timeout;
        deploy.idle_timeout = self.idle_timeout;
        deploy.on_lost = self.on_lost;
        deploy.sudo = self.sudo.then_some(true);
        deploy.env.extend(self.env.iter().map(|(name, value)| (name.clone(), EnvValue::Plain(value.clone()))));
    }
}

/// Reads `NAME=VALUE`.
fn parse_variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}
