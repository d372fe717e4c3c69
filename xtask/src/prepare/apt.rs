//! Debian packages without installing them, and without touching the machine's own apt state.
//!
//! apt gets a configuration file of its own, read after the machine's: proxies and the like stay in force, but the list
//! of sources, the index, the cache and the list of installed packages are private, and hooks are cleared. The source is
//! the machine's own Debian mirror with the suite replaced, verified with the machine's own keys: Debian signs all
//! suites with the same archive keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::process::{run_quiet, spawn_error};

/// The suite that carries the needed versions.
const SUITE: &str = "sid";

/// The package archive as seen through the private configuration.
pub(super) struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Writes the private configuration into `folder` and fetches the index of binary packages for `architectures`
    /// (Debian's names), and of source packages if asked for.
    pub(super) fn open(folder: &Path, architectures: &[&str], sources: bool) -> Result<Archive, Error> {
        let source = machine_mirror()?;
        let archive = Archive { folder: folder.to_owned() };
        for sub in ["state/lists/partial", "cache/archives/partial", "packages"] {
            let path = folder.join(sub);
            fs::create_dir_all(&path).map_err(|error| Error::io("make", &path, &error))?;
        }
        archive.write("status", "")?;
        let keys = match &source.keys {
            Keys::Default => String::new(),
            Keys::Named(names) => format!(" signed-by={names}"),
            Keys::Embedded(block) => {
                archive.write("archive.asc", block)?;
                format!(" signed-by={}", folder.join("archive.asc").display())
            }
        };
        let uri = &source.uri;
        // The targets leave out indexes that other software on this machine may have asked apt to fetch too.
        let list = architectures.join(",");
        let mut lines = format!("deb [arch={list} target=Packages{keys}] {uri} {SUITE} main\n");
        if sources {
            lines.push_str(&format!("deb-src [target=Sources{keys}] {uri} {SUITE} main\n"));
        }
        archive.write("sources.list", &lines)?;
        archive.write("apt.conf", &configuration(folder, architectures))?;
        archive.apt_get(&["update"])?;
        Ok(archive)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        fs::write(&path, content).map_err(|error| Error::io("write", &path, &error))
    }

    fn apt_get(&self, arguments: &[&str]) -> Result<(), Error> {
        let mut command = Command::new("apt-get");
        command.current_dir(self.folder.join("packages")).env("LC_ALL", "C");
        command.arg("-c").arg(self.folder.join("apt.conf")).arg("-q").args(arguments);
        run_quiet(&mut command).map(drop)
    }

    /// Fetches one binary package and returns its file. `version` is the upstream version; `None` takes any.
    pub(super) fn download(
        &self,
        name: &str,
        version: Option<&str>,
        debian_arch: &str,
    ) -> Result<PathBuf, Error> {
        let wanted = match version {
            Some(version) => format!("{name}:{debian_arch}={version}*"),
            None => format!("{name}:{debian_arch}"),
        };
        self.apt_get(&["download", &wanted]).map_err(|error| gone(error, name, version))?;
        self.fetched(&format!("{name}_"), &format!("_{debian_arch}.deb"))
    }

    /// Fetches the upstream archive of a source package and returns its file.
    pub(super) fn download_source(&self, name: &str, version: &str) -> Result<PathBuf, Error> {
        // `source` does not take a pattern for the version, so the newest is fetched and its name checked.
        self.apt_get(&["source", "--download-only", "--tar-only", name])?;
        self.fetched(&format!("{name}_{version}"), ".orig.tar.xz").map_err(|_| {
            Error::Environment(format!("Debian's {SUITE} no longer has the sources of {name} {version}"))
        })
    }

    /// The one downloaded file with that name.
    fn fetched(&self, prefix: &str, suffix: &str) -> Result<PathBuf, Error> {
        let folder = self.folder.join("packages");
        let entries = fs::read_dir(&folder).map_err(|error| Error::io("list", &folder, &error))?;
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names
            .find(|name| name.starts_with(prefix) && name.ends_with(suffix))
            .map(|name| folder.join(name))
            .ok_or_else(|| Error::Environment(format!("apt-get did not write {prefix}*{suffix}")))
    }
}

/// Says what a refused version means.
fn gone(error: Error, name: &str, version: Option<&str>) -> Error {
    match version {
        Some(version) if error.to_string().contains("was not found") => {
            Error::Environment(format!("Debian's {SUITE} no longer has {name} {version}"))
        }
        _ => error,
    }
}

fn configuration(folder: &Path, architectures: &[&str]) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    let architectures = architectures.iter().map(|name| format!("\"{name}\"; ")).collect::<String>();
    format!(
        r#"#clear APT::Architectures;
APT::Architectures {{ {}}};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::sourcelist "{}";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
Dir::State "{}";
Dir::State::status "{}";
Dir::Cache "{}";
"#,
        architectures,
        path("sources.list"),
        path("state"),
        path("status"),
        path("cache"),
    )
}

/// Unpacks members (files, or folders with all they contain) of a package into `folder`.
pub(super) fn unpack(package: &Path, folder: &Path, members: &[impl AsRef<str>]) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
    let mut reader = Command::new("dpkg-deb");
    reader.arg("--fsys-tarfile").arg(package).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = reader.spawn().map_err(|error| spawn_error(&reader, &error))?;
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(folder)
        .arg("-xf")
        .arg("-")
        .args(members.iter().map(AsRef::as_ref))
        .stderr(Stdio::piped());
    if let Some(stream) = child.stdout.take() {
        tar.stdin(stream);
    }
    let unpacked = tar.spawn().and_then(std::process::Child::wait_with_output);
    let read = child.wait();
    let output = unpacked.map_err(|error| spawn_error(&tar, &error))?;
    if output.status.success() && read.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(Error::Environment(format!(
        "cannot unpack {}: {}",
        package.file_name().unwrap_or_default().to_string_lossy(),
        crate::process::telling_line(&reason)
    )))
}

/// Where the machine gets Debian from, and the keys it trusts for that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mirror {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    keys: Keys,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Keys {
    /// The machine's general keyrings.
    Default,
    /// Paths of keyrings or fingerprints, as `signed-by` takes them.
    Named(String),
    /// A key in the source itself.
    Embedded(String),
}

/// The Debian mirror in the machine's own configuration.
fn machine_mirror() -> Result<Mirror, Error> {
    let etc = Path::new("/etc/apt");
    let mut files = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        let mut parts: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        parts.sort();
        files.extend(parts);
    }
    let mut mirrors = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => mirrors.extend(text.lines().filter_map(parse_line)),
            Some("sources") => mirrors.extend(parse_stanzas(&text)),
            _ => {}
        }
    }
    choose(mirrors).ok_or_else(|| {
        Error::Environment(
            "apt's sources name no Debian archive (suite of a Debian release, component main)".into(),
        )
    })
}

/// The first source that is Debian's main archive: the rest are updates, security, or somebody else's packages.
fn choose(mirrors: Vec<Mirror>) -> Option<Mirror> {
    const RELEASES: [&str; 11] = [
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "sid",
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "oldoldstable",
    ];
    let is_archive = |mirror: &Mirror| {
        mirror.components.iter().any(|component| component == "main")
            && mirror.suites.iter().any(|suite| RELEASES.contains(&suite.as_str()))
    };
    // Other publishers use suite names of Debian too; Debian's own path ends in "debian" on every public mirror.
    let is_named_debian = |mirror: &Mirror| {
        let last = mirror.uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        last == "debian" || last == "debian.list"
    };
    let archives: Vec<Mirror> = mirrors.into_iter().filter(is_archive).collect();
    archives.iter().find(|mirror| is_named_debian(mirror)).or(archives.first()).cloned()
}

/// A source in the one-line format: `deb [options] uri suite component...`.
fn parse_line(line: &str) -> Option<Mirror> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let mut rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    rest = rest.trim_start();
    let mut keys = Keys::Default;
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (options, after) = bracketed.split_once(']')?;
        for option in options.split_whitespace() {
            if let Some(value) = option.strip_prefix("signed-by=") {
                keys = Keys::Named(value.to_owned());
            }
        }
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Mirror { uri: words.next()?, suites: vec![words.next()?], components: words.collect(), keys })
}

/// Sources in the deb822 format: stanzas of fields with continuation lines.
fn parse_stanzas(text: &str) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            mirrors.extend(mirror_of(&stanza));
            stanza.clear();
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                // A lone dot stands for an empty line.
                let content = line.trim();
                value.push('\n');
                value.push_str(if content == "." { "" } else { content });
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    mirrors
}

fn mirror_of(stanza: &[(String, String)]) -> Option<Mirror> {
    let field = |name: &str| stanza.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let words = |name: &str| {
        field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    if field("enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"))
        || !words("types").contains(&"deb".into())
    {
        return None;
    }
    let keys = match field("signed-by") {
        None => Keys::Default,
        Some(block) if block.contains("-----BEGIN") => Keys::Embedded(format!("{}\n", block.trim_start())),
        Some(names) => Keys::Named(names.split_whitespace().collect::<Vec<_>>().join(",")),
    };
    Some(Mirror {
        uri: words("uris").into_iter().next()?,
        suites: words("suites"),
        components: words("components"),
        keys,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "\
# security first
Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main

Types: deb deb-src
# a comment inside
URIs: http://mirror.example/debian/
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/one.gpg
 /usr/share/keyrings/two.gpg
";

    #[test]
    fn finds_the_main_archive_among_stanzas() {
        let mirror = choose(parse_stanzas(STANZAS)).expect("one of them");
        assert_eq!(mirror.uri, "http://mirror.example/debian/");
        assert_eq!(
            mirror.keys,
            Keys::Named("/usr/share/keyrings/one.gpg,/usr/share/keyrings/two.gpg".into())
        );
    }

    #[test]
    fn a_disabled_stanza_does_not_count() {
        assert_eq!(choose(parse_stanzas(&STANZAS.replace("deb deb-src", "deb deb-src\nEnabled: no"))), None);
    }

    #[test]
    fn an_embedded_key_keeps_its_lines() {
        let text = "Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\nSigned-By:\n \
                    -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let mirror = choose(parse_stanzas(text)).expect("it is an archive");
        let block = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n";
        assert_eq!(mirror.keys, Keys::Embedded(block.into()));
    }

    #[test]
    fn reads_the_one_line_format() {
        let text = "# deb http://commented.example/debian bookworm main\n\
                    deb-src http://sources.example/debian bookworm main\n\
                    deb https://other.example/tools stable main\n\
                    deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.example/debian bookworm main # ours\n";
        let mirrors: Vec<Mirror> = text.lines().filter_map(parse_line).collect();
        assert_eq!(mirrors.len(), 2);
        let mirror = choose(mirrors).expect("the last one");
        assert_eq!(mirror.uri, "http://mirror.example/debian");
        assert_eq!(mirror.components, ["main"]);
        assert_eq!(mirror.keys, Keys::Named("/k.gpg".into()));
    }

    #[test]
    fn other_publishers_alone_are_no_debian_archive() {
        let lines =
            ["deb https://other.example/apt nodistro main", "deb https://other.example/x bookworm stable"];
        assert_eq!(choose(lines.into_iter().filter_map(parse_line).collect()), None);
    }

    #[test]
    fn unpacks_only_the_named_members() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let missing =
            unpack(&dir.path().join("no.deb"), &dir.path().join("out"), &["./a"]).expect_err("no package");
        assert!(missing.to_string().starts_with("cannot unpack no.deb: "), "{missing}");
    }
}
