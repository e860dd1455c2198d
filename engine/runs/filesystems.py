"""Which file system a path is on, and whether other machines may have it, too. Torch-free.

On a shared one a lock or a database of one kernel is not known to the others. A home may be shared though its file
system does not tell, on the machine whose disk it is, say: then a file in it does (``mark_shared``).
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from engine.runs.files import FILE_MODE

SHARED = frozenset(
    {"nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "afs", "9p", "virtiofs",
     "gfs2", "ocfs2", "orangefs", "pvfs2", "panfs", "wekafs"}
)  # fmt: skip
"""Types of file systems that several machines mount at once; besides, all whose type begins with ``fuse.``."""
MARK = ".shared"
"""The file in a home that says that machines share it."""
_LOCAL_FUSE = frozenset({"fuse.portal", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.fuse-overlayfs", "fuse.ntfs-3g"})
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def kind_of(path: str | os.PathLike[str]) -> str:
    """The type of the file system that holds ``path``, which may not exist yet: ``ext4``, ``nfs4``; "" if unknown."""
    whole = os.path.realpath(path)
    while True:
        try:
            return _kind(whole, os.stat(whole).st_dev)  # noqa: PTH116
        except OSError:
            above = os.path.dirname(whole)  # noqa: PTH120
            if above == whole:
                return ""
            whole = above


def is_shared(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is on a file system that other machines may have mounted, too, or in a home marked so."""
    kind = kind_of(path)
    return kind in SHARED or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE) or _is_marked(path)


def mark_shared(home: Path) -> None:
    """Have every machine treat a home as one that machines share. Raises OSError."""
    (home / MARK).touch(FILE_MODE)


def _is_marked(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a marked home, or a folder in one or two levels below."""
    place = os.fspath(path)
    return any(os.access(f"{place}/{above}{MARK}", os.F_OK) for above in ("", "../", "../../"))


def has_own_locks(path: str | os.PathLike[str]) -> bool:
    """Whether locks of files on a shared file system are known to one machine only, as its mount options tell. Sources:
    nfs(5), ``local_lock`` and ``nolock``; mount.lustre(8), ``flock``."""
    kind, options = kind_of(path), _options(os.path.realpath(path))
    if kind.startswith("nfs"):
        return bool({"local_lock=all", "local_lock=flock", "nolock"} & options)
    return kind == "lustre" and "flock" not in options


@lru_cache(1000)
def _kind(path: str, device: int) -> str:
    """``device`` tells a file system from one that is mounted in its place later."""
    return _mount(path)[0]


def _options(path: str) -> set[str]:
    return set(_mount(path)[1].split(","))


def _mount(path: str) -> tuple[str, str]:
    """(type, options of the file system) of the mount that holds a path."""
    found, length = ("", ""), -1
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return found
    for line in lines:  # source: proc(5), /proc/pid/mountinfo
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        is_above = path == place or path.startswith(place.rstrip("/") + "/")
        if is_above and len(place) >= length:  # of two at one place the later one is on top
            kind, _, rest = after.partition(" ")
            found, length = (kind, rest.partition(" ")[2]), len(place)
    return found
