// SPDX-License-Identifier: MIT
//
// helper.rs: what peers in Rust share: helper.h in another language. A program takes it with
//
//     #[path = "../helper.rs"]
//     mod helper;
#![allow(dead_code)]

use std::time::Instant;

pub struct Args {
    pub question: String,
    pub workers: usize,
    pub samples: usize,
}

pub fn args() -> Args {
    let given: Vec<String> = std::env::args().collect();
    if given.len() < 4 {
        eprintln!("usage: {} QUESTION WORKERS SAMPLES", given[0]);
        std::process::exit(2);
    }
    Args {
        question: given[1].clone(),
        workers: given[2].parse().expect("workers"),
        samples: given[3].parse().expect("samples"),
    }
}

pub fn sample(value: f64) {
    println!("sample {:.9e}", value);
}

pub fn check(value: u64) {
    println!("check {:016x}", value);
}

pub fn skip(reason: &str) -> ! {
    println!("skip {}", reason);
    std::process::exit(77);
}

pub fn ns_since(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64
}

/// Once unreported, so that memory and caches are warm, then once per sample: wall nanoseconds
/// divided by the number of things that body does.
pub fn repeat_ns(args: &Args, per: f64, mut body: impl FnMut()) {
    body();
    for _ in 0..args.samples {
        let start = Instant::now();
        body();
        sample(ns_since(start) / per);
    }
}

/// Resident memory of this process now, with its page tables.
pub fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages = text.split(' ').nth(1).unwrap().parse::<f64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let tables = status.lines().find(|line| line.starts_with("VmPTE:")).expect("VmPTE");
    pages * 4096.0 + tables.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// The same numbers as perf_random of helper.h. state is not 0.
pub fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
