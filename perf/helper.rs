// SPDX-License-Identifier: MIT

// helper.rs: helper.h for the subjects in Rust, with Tokio's runtime. A subject takes it in by
// `#[path = "../helper.rs"] mod helper;` and uses what it needs of it.
#![allow(dead_code)]

use std::future::Future;
use std::time::Instant;

pub struct Args {
    pub question: String,
    pub workers: usize,
    pub samples: usize,
}

pub fn args() -> Args {
    let words: Vec<String> = std::env::args().collect();
    if words.len() < 4 {
        eprintln!("usage: {} QUESTION WORKERS SAMPLES (perf/run calls it so)", words[0]);
        std::process::exit(2);
    }
    Args {
        question: words[1].clone(),
        workers: words[2].parse().unwrap(),
        samples: words[3].parse().unwrap(),
    }
}

pub fn sample(value: f64) {
    println!("sample {}", value);
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

pub fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

// The numbers of perf_random.
pub fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

// Run the future as a task, because the thread that calls block_on is no worker; then end the
// process, without taking the runtime apart.
pub fn run<F>(workers: usize, body: F) -> !
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_time()
        .build()
        .unwrap();
    let result = runtime.block_on(async { tokio::spawn(body).await });
    std::process::exit(if result.is_ok() { 0 } else { 1 })
}
