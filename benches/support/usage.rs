//! What a server has used of the machine, as the system tells.

use std::fs;
use std::time::Duration;

use super::Failure;
use super::process::Process;

/// Processor time so far. The system counts in hundredths of a second.
pub fn processor_time(process: &Process) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.child.id()))?;
    let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no fields")?.1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// The most bytes that were resident at once.
pub fn peak_resident(process: &Process) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse::<u64>()? * 1024)
}
