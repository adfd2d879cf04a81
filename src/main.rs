//! Parse, call, exit.

fn main() {
    std::process::exit(fleetwide::cli::main().into());
}
