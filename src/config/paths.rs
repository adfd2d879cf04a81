//! Paths as they are written: relative to the file that names them, `~/` for the home folder.

use std::path::{Component, Path, PathBuf};

/// What a path is relative to.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchor {
    /// The folder of the file that names it, or the working directory for flags and variables.
    pub(super) folder: PathBuf,
    /// The home folder, if there is one.
    pub(super) home: Option<PathBuf>,
}

impl Anchor {
    /// The path as this machine understands it.
    ///
    /// # Errors
    /// A message when it is empty, or begins with `~/` and there is no home folder.
    pub(super) fn resolve(&self, path: &Path) -> Result<PathBuf, String> {
        if path.as_os_str().is_empty() {
            return Err("the path is empty".into());
        }
        let from = match path.strip_prefix("~") {
            Ok(within) => {
                let home = self.home.as_deref().ok_or_else(|| {
                    format!("`{}` begins with `~`, but HOME is not set to an absolute path", path.display())
                })?;
                return Ok(home.join(within));
            }
            Err(_) => &self.folder,
        };
        // `./deploy.sh` reads better without its dot once it follows a folder.
        Ok(from.join(path).components().filter(|part| *part != Component::CurDir).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_their_file_and_to_home() {
        let anchor = Anchor { folder: "/srv/shop".into(), home: Some("/home/me".into()) };
        let table = [
            ("deploy.sh", "/srv/shop/deploy.sh"),
            ("./deploy.sh", "/srv/shop/deploy.sh"),
            ("../deploy.sh", "/srv/shop/../deploy.sh"),
            ("/etc/key", "/etc/key"),
            ("~/.ssh/id", "/home/me/.ssh/id"),
            ("~", "/home/me"),
            ("~bob/key", "/srv/shop/~bob/key"),
        ];
        for (written, meant) in table {
            assert_eq!(anchor.resolve(Path::new(written)).expect(written), Path::new(meant), "{written}");
        }
        assert!(anchor.resolve(Path::new("")).is_err());
        let homeless = Anchor { home: None, ..anchor };
        assert!(homeless.resolve(Path::new("~/x")).expect_err("no home").contains("HOME"));
    }
}
