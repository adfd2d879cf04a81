#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| provider_azure::fuzz::lists(input));
