//! What the process uses, as the system counts it.

/// Bytes and counts of this process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Bytes of memory that is its own: heap and, mostly, stacks of threads. At least 1: clients take 0 for a mistake.
    pub heap: u64,
    /// Bytes of the first thread's stack. At least 1.
    pub stack: u64,
    /// Bytes in memory, program text and libraries included.
    pub resident: u64,
    /// Bytes that are kept out of swap.
    pub locked: u64,
    /// Threads.
    pub threads: u64,
    /// Open files and sockets.
    pub descriptors: u64,
    /// Processors that it may use.
    pub cpus: u64,
}

impl Process {
    /// Reads the present state. What the system does not tell is 0, or 1 where that is the least.
    #[must_use]
    pub fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let bytes = |name| number(name).unwrap_or_default() * 1024;
        // Looking takes a descriptor itself.
        let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64 - 1);
        Self {
            heap: bytes("RssAnon:").max(1),
            stack: bytes("VmStk:").max(1),
            resident: bytes("VmRSS:"),
            // Where pages are locked as they come into use, the system counts all that may ever be used.
            locked: bytes("VmLck:").min(bytes("VmRSS:")),
            threads: number("Threads:").unwrap_or_default(),
            descriptors,
            cpus: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_described() {
        let process = Process::read();
        assert!(process.heap > 4096 && process.stack > 4096 && process.resident > 4096, "{process:?}");
        assert!(process.threads > 0 && process.descriptors > 0 && process.cpus > 0, "{process:?}");
    }
}
