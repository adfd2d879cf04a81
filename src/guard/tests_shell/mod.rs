//! The guard on real shells: its text and the protocol together, without SSH.
//!
//! Every test runs on dash, bash and busybox ash, the last one with busybox's own tools only.

mod attach;
mod barriers;
mod data;
mod environment;
mod host;
mod input;
mod left_running;
mod lifeline;
mod lock;
mod login;
mod parts;
mod query;
mod record;
mod state;
mod status;

/// Makes a module of each function, with one test per shell.
macro_rules! on_every_shell {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::guard::tests_shell::host::Shell;

            #[test]
            fn dash() {
                super::$name(Shell::Dash);
            }
            #[test]
            fn bash() {
                super::$name(Shell::Bash);
            }
            #[test]
            fn busybox() {
                super::$name(Shell::Busybox);
            }
        }
    )+};
}
use on_every_shell;
