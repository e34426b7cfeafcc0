//! What this machine is, as far as a system tells it without further libraries: for reports of problems.

use std::fs;
use std::thread;

/// The machine in words and figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// "Debian GNU/Linux 12 (bookworm), kernel 6.1.0, x86_64".
    pub system: String,
    /// The processor's name and what of its instructions matters here.
    pub processor: String,
    /// Threads that run at the same time; 0 where that is not known.
    pub threads: usize,
    /// Bytes of memory, and how many of them are free to use; `None` where the system does not tell.
    pub memory: Option<(u64, u64)>,
}

impl Machine {
    /// Looks at the machine.
    pub fn look() -> Self {
        Self {
            system: system(),
            processor: processor(),
            threads: thread::available_parallelism().map_or(0, usize::from),
            memory: fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(memory),
        }
    }
}

/// The folder of whoever uses the program, as it stands in paths.
pub fn home() -> Option<String> {
    let folders = directories::BaseDirs::new()?;
    folders.home_dir().to_str().map(str::to_owned)
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").ok();
    let name = release.as_deref().and_then(|release| field(release, "PRETTY_NAME", '='));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let mut parts = vec![name.unwrap_or(std::env::consts::OS).to_owned()];
    parts.extend(kernel.map(|kernel| format!("kernel {}", kernel.trim())));
    parts.push(std::env::consts::ARCH.to_owned());
    parts.join(", ")
}

/// The value of a line `name = value`, without quotes.
fn field<'a>(text: &'a str, name: &str, between: char) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(between)?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let bytes = |name| {
        let value = field(meminfo, name, ':')?.strip_suffix("kB")?;
        value.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    Some((bytes("MemTotal")?, bytes("MemAvailable")?))
}

#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::__cpuid;

    /// The leaves of `cpuid` that hold the name, and the one that tells whether they are there (Intel's manual, volume
    /// 2A, "CPUID").
    const NAME: std::ops::RangeInclusive<u32> = 0x8000_0002..=0x8000_0004;
    const HIGHEST: u32 = 0x8000_0000;

    let mut name = String::new();
    if __cpuid(HIGHEST).eax >= *NAME.end() {
        let words = NAME.flat_map(|leaf| {
            let leaf = __cpuid(leaf);
            [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]
        });
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).take_while(|&byte| byte != 0).collect();
        name = String::from_utf8_lossy(&bytes).trim().to_owned();
    }
    let there = [
        (is_x86_feature_detected!("avx2"), "AVX2"),
        (is_x86_feature_detected!("fma"), "FMA"),
        (is_x86_feature_detected!("avx512f"), "AVX-512"),
    ];
    let there: Vec<&str> = there.into_iter().filter(|(there, _)| *there).map(|(_, name)| name).collect();
    if name.is_empty() {
        name = std::env::consts::ARCH.to_owned();
    }
    format!("{name} ({})", if there.is_empty() { "no AVX2".to_owned() } else { there.join(", ") })
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    std::env::consts::ARCH.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    8000 kB\n";
        assert_eq!(memory(meminfo), Some((16_384_000, 8_192_000)));
        assert_eq!(memory("MemTotal: many"), None);
    }

    #[test]
    fn quotes_of_a_release_file_are_left_out() {
        assert_eq!(field("ID=x\nPRETTY_NAME=\"A System 1\"", "PRETTY_NAME", '='), Some("A System 1"));
    }

    #[test]
    fn this_machine_has_a_name_and_threads() {
        let machine = Machine::look();
        assert!(!machine.system.is_empty() && !machine.processor.is_empty() && machine.threads > 0);
    }
}
