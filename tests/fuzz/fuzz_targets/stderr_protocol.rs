#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| fleetwide::guard::fuzz::stderr_protocol(input));
