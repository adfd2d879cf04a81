#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| provider_gcp::fuzz::page(input));
