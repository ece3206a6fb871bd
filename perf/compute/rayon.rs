// SPDX-License-Identifier: MIT
// crate: rayon = "1"
// shared: the folder's C files

// Rayon's join, scopes, iterators and sort.
#[path = "../helper.rs"]
mod helper;

use rayon::prelude::*;
use rayon::ThreadPool;
use std::time::{Duration, Instant};

const FIB: u32 = 34;
const QUEENS: usize = 12;
const INTS: usize = 10_000_000;
const INTS_LEAF: usize = 4096;
const MATRIX: usize = 1024;
const LEAF: usize = 64;
const LOOP: u64 = 100_000_000;
const MANY: usize = 1_000_000;
const TRIPS: usize = 20_000;

fn fib(n: u32) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (a, b) = rayon::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

fn safe(board: &[i8; 16], row: usize, column: i32) -> bool {
    (0..row).all(|i| {
        let (d, k) = (board[i] as i32 - column, (row - i) as i32);
        d != 0 && d != k && d != -k
    })
}

fn queens(row: usize, board: [i8; 16]) -> u64 {
    if row == QUEENS {
        return 1;
    }
    let mut counts = [0u64; QUEENS];
    rayon::scope(|scope| {
        for (column, count) in counts.iter_mut().enumerate() {
            if safe(&board, row, column as i32) {
                let mut next = board;
                next[row] = column as i8;
                scope.spawn(move |_| *count = queens(row + 1, next));
            }
        }
    });
    counts.iter().sum()
}

// What the C subjects share, work.c, so that only what spreads it differs.
#[repr(C)]
#[derive(Clone, Copy)]
struct Node {
    state: [u8; 20],
    height: i32,
}

extern "C" {
    fn work_uts_root(root: *mut Node);
    fn work_uts_children(node: *const Node) -> i32;
    fn work_uts_child(node: *const Node, i: u32, child: *mut Node);
    fn work_matrix_leaf(a: *const f64, b: *const f64, c: *mut f64, stride: i64);
    fn work_sort(keys: *mut i32, count: i64);
    fn work_merge(a: *const i32, a_count: i64, b: *const i32, b_count: i64, out: *mut i32);
}

fn search(node: Node) -> u64 {
    let count = unsafe { work_uts_children(&node) } as usize;
    if count == 0 {
        return 1;
    }
    let mut counts = [0u64; 100];
    rayon::scope(|scope| {
        for (i, count) in counts[..count].iter_mut().enumerate() {
            scope.spawn(move |_| {
                let mut child = node;
                unsafe { work_uts_child(&node, i as u32, &mut child) };
                *count = search(child);
            });
        }
    });
    1 + counts[..count].iter().sum::<u64>()
}

fn search_all() -> u64 {
    let mut root = Node { state: [0; 20], height: 0 };
    unsafe { work_uts_root(&mut root) };
    search(root)
}

/// Part of a matrix: the jobs write to parts of one that do not meet.
#[derive(Clone, Copy)]
struct Part(*mut f64);
unsafe impl Send for Part {}
unsafe impl Sync for Part {}
impl Part {
    fn at(self, row: usize, column: usize) -> Part {
        Part(unsafe { self.0.add(row * MATRIX + column) })
    }
}

fn multiply(a: Part, b: Part, c: Part, n: usize) {
    if n == LEAF {
        return unsafe { work_matrix_leaf(a.0, b.0, c.0, MATRIX as i64) };
    }
    let h = n / 2;
    for k in 0..2 {
        let quarter = |q: usize| {
            let (i, j) = (q / 2, q % 2);
            multiply(a.at(i * h, k * h), b.at(k * h, j * h), c.at(i * h, j * h), h);
        };
        rayon::join(
            || rayon::join(|| quarter(0), || quarter(1)),
            || rayon::join(|| quarter(2), || quarter(3)),
        );
    }
}

fn matrices(args: &helper::Args, pool: &ThreadPool) {
    let cells = MATRIX * MATRIX;
    let mut a: Vec<f64> = (0..cells).map(|i| (i % 7) as f64 - 3.0).collect();
    let mut b: Vec<f64> = (0..cells).map(|i| (i % 5) as f64 - 2.0).collect();
    let mut c = vec![0f64; cells];
    let parts = (Part(a.as_mut_ptr()), Part(b.as_mut_ptr()), Part(c.as_mut_ptr()));
    for i in 0..args.samples + 1 {
        c.fill(0.0);
        let start = Instant::now();
        pool.install(|| multiply(parts.0, parts.1, parts.2, MATRIX));
        if i > 0 {
            helper::sample(helper::ns_since(start) / 1e6);
        }
    }
    helper::check(c.iter().fold(0u64, |d, &x| d.wrapping_mul(31).wrapping_add(x as i64 as u64)));
}

fn merge<'a>(mut a: &'a [i32], mut b: &'a [i32], out: &mut [i32]) {
    if a.len() < b.len() {
        std::mem::swap(&mut a, &mut b);
    }
    if a.len() + b.len() <= INTS_LEAF {
        let (a_count, b_count) = (a.len() as i64, b.len() as i64);
        unsafe { work_merge(a.as_ptr(), a_count, b.as_ptr(), b_count, out.as_mut_ptr()) };
        return;
    }
    let m = a.len() / 2;
    let k = b.partition_point(|x| *x < a[m]);
    let (first, second) = out.split_at_mut(m + k);
    rayon::join(|| merge(&a[..m], &b[..k], first), || merge(&a[m..], &b[k..], second));
}

fn sort(keys: &mut [i32], buffer: &mut [i32], into_buffer: bool) {
    if keys.len() <= INTS_LEAF {
        unsafe { work_sort(keys.as_mut_ptr(), keys.len() as i64) };
        if into_buffer {
            buffer.copy_from_slice(keys);
        }
        return;
    }
    let h = keys.len() / 2;
    let (low, high) = keys.split_at_mut(h);
    let (low_buffer, high_buffer) = buffer.split_at_mut(h);
    rayon::join(
        || sort(low, low_buffer, !into_buffer),
        || sort(high, high_buffer, !into_buffer),
    );
    if into_buffer {
        merge(low, high, buffer);
    } else {
        merge(low_buffer, high_buffer, keys);
    }
}

fn hash_sum(begin: u64, end: u64) -> u64 {
    let mut sum = 0;
    for i in begin..end {
        let mut x = i as u32;
        x ^= x >> 16;
        x = x.wrapping_mul(0x7feb352d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846ca68b);
        x ^= x >> 16;
        sum += (x & 0xff) as u64;
    }
    sum
}

fn hash_all() -> u64 {
    (0..(LOOP + 4095) / 4096).into_par_iter().map(|p| hash_sum(p * 4096, LOOP.min((p + 1) * 4096))).sum()
}

fn run(args: &helper::Args, pool: &ThreadPool, per: f64, body: impl Fn() -> u64 + Sync + Send) {
    let mut result = pool.install(&body);
    for _ in 0..args.samples {
        let start = Instant::now();
        result = pool.install(&body);
        helper::sample(helper::ns_since(start) / per);
    }
    helper::check(result);
}

fn sort_ints(args: &helper::Args, pool: &ThreadPool, by_merging: bool) {
    let mut state = 88172645463325252u64;
    let keys: Vec<i32> = (0..INTS).map(|_| (helper::random(&mut state) >> 33) as i32).collect();
    let mut digest = 0u64;
    for i in 0..args.samples + 1 {
        let (mut sorted, mut buffer) = (keys.clone(), vec![1i32; if by_merging { INTS } else { 0 }]);
        let start = Instant::now();
        if by_merging {
            pool.install(|| sort(&mut sorted, &mut buffer, false));
        } else {
            pool.install(|| sorted.par_sort_unstable());
        }
        if i > 0 {
            helper::sample(helper::ns_since(start) / 1e6);
        }
        digest = sorted.iter().fold(0u64, |d, &k| d.wrapping_mul(31).wrapping_add(k as u64));
    }
    helper::check(digest);
}

// From the main thread, which is none of the pool's.
fn outside(args: &helper::Args, pool: &ThreadPool) {
    let many = || pool.in_place_scope(|scope| (0..MANY).for_each(|_| scope.spawn(|_| {})));
    let trips = || (0..TRIPS).for_each(|_| pool.install(|| {}));
    match args.question.as_str() {
        "outside_many" => {
            helper::repeat_ns(args, 1e6, many);
            helper::check(0)
        }
        "outside_warm" => {
            helper::repeat_ns(args, 1e3 * TRIPS as f64, trips);
            helper::check(0)
        }
        _ => {
            for _ in 0..args.samples {
                let mut took: Vec<f64> = (0..200)
                    .map(|_| {
                        std::thread::sleep(Duration::from_millis(1));
                        let start = Instant::now();
                        pool.install(|| {});
                        helper::ns_since(start) / 1e3
                    })
                    .collect();
                took.sort_by(|a, b| a.partial_cmp(b).unwrap());
                helper::sample(took[100]);
            }
        }
    }
}

fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let mut sum = 0.0;
    if text.is_empty() {
        helper::skip("the kernel does not tell of CPU time in /proc");
    }
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(path).unwrap();
        sum += text.split(' ').next().unwrap().parse::<f64>().unwrap();
    }
    sum / 1e6
}

fn idle(args: &helper::Args, pool: &ThreadPool) {
    for _ in 0..args.samples {
        pool.install(|| fib(25));
        std::thread::sleep(Duration::from_millis(100));
        let start = cpu_ms();
        std::thread::sleep(Duration::from_secs(1));
        helper::sample(cpu_ms() - start);
    }
}

fn main() {
    let args = helper::args();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.workers).build().unwrap();
    let forks = {
        let (mut a, mut b) = (0f64, 1f64);
        for _ in 0..FIB + 1 {
            let c = a + b;
            a = b;
            b = c;
        }
        a - 1.0
    };
    match args.question.as_str() {
        "fork_fib" => run(&args, &pool, forks, || fib(FIB)),
        "fork_queens" => run(&args, &pool, 1e6, || queens(0, [0; 16])),
        "loop" => run(&args, &pool, 1e6, hash_all),
        "fork_flat" => run(&args, &pool, 1e6, || {
            rayon::scope(|scope| (0..MANY).for_each(|_| scope.spawn(|_| {})));
            0
        }),
        "fork_uts" => run(&args, &pool, 1e6, search_all),
        "fork_matrix" => matrices(&args, &pool),
        "fork_merge" => sort_ints(&args, &pool, true),
        "sort_ints" => sort_ints(&args, &pool, false),
        "idle" => idle(&args, &pool),
        _ => outside(&args, &pool),
    }
}
