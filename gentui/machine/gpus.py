"""The GPUs of this machine: NVIDIA's as their driver's library (NVML) tells, AMD's as the kernel does (sysfs)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gentui.text.numbers import used_of_total
from gentui.text.sanitize import clean

T = TypeVar("T")
NO_NVML = "No NVIDIA GPU is seen: its driver's library (NVML) is not on this machine."
SYSFS = Path("/sys")
_AMD = "0x1002"  # AMD's number among the makers of PCI devices


@dataclass(frozen=True)
class GpuProcess:
    """``job``: the run or evaluation it belongs to, "" where it is none of this home's. ``bytes``: of GPU memory."""

    pid: int
    job: str = ""
    bytes: int | None = None


@dataclass(frozen=True)
class Gpu:
    """A GPU; None for what its driver does not tell. Memory in bytes, power in watts, utilisation 0…1."""

    number: int
    name: str
    utilisation: float | None = None
    memory: tuple[int, int] | None = None
    celsius: int | None = None
    watts: float | None = None
    limit: float | None = None
    processes: tuple[GpuProcess, ...] = ()


def gpus_of(owner: Callable[[int], str]) -> tuple[tuple[Gpu, ...], str]:
    """Every GPU that can be asked, NVIDIA's first; without any, the sentence why. ``owner``: the job of a process."""
    nvidia, why = nvidia_gpus(owner)
    found = (*nvidia, *amd_gpus(owner, len(nvidia)))
    return found, "" if found else why


def nvidia_gpus(owner: Callable[[int], str]) -> tuple[tuple[Gpu, ...], str]:
    """The GPUs that NVML knows; without any, the sentence why."""
    try:
        import pynvml
    except ImportError:
        return (), "No GPU can be asked: nvidia-ml-py is not installed."
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if (
            type(error).__name__ == "NVMLError_LibraryNotFound"
        ):  # a class made at import, unseen by type checkers
            return (), NO_NVML
        return (), f"No GPU can be asked: {clean(error, 120)}."
    try:
        found = tuple(_nvidia_gpu(pynvml, number, owner) for number in range(pynvml.nvmlDeviceGetCount()))
        return found, "" if found else "The NVIDIA driver knows no GPU."
    except pynvml.NVMLError as error:
        return (), f"No GPU can be asked: {clean(error, 120)}."
    finally:
        _told(pynvml, pynvml.nvmlShutdown)


def _told(nvml: Any, ask: Callable[..., T], *arguments: Any) -> T | None:
    """An answer; None where this GPU or driver has none."""
    try:
        return ask(*arguments)
    except nvml.NVMLError:
        return None


def _nvidia_gpu(nvml: Any, number: int, owner: Callable[[int], str]) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    name = _told(nvml, nvml.nvmlDeviceGetName, handle) or "GPU"
    rates = _told(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    memory = _told(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    milliwatts = _told(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    limit = _told(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    processes = _told(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
    return Gpu(
        number,
        clean(name.decode("utf-8", "replace") if isinstance(name, bytes) else name, 60),
        rates.gpu / 100 if rates is not None else None,
        (int(memory.used), int(memory.total)) if memory is not None else None,
        _told(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        milliwatts / 1000 if milliwatts is not None else None,
        limit / 1000 if limit is not None else None,
        tuple(GpuProcess(process.pid, owner(process.pid), process.usedGpuMemory) for process in processes),
    )


def amd_gpus(owner: Callable[[int], str], first: int = 0) -> tuple[Gpu, ...]:
    """The GPUs of the amdgpu driver, numbered from ``first`` in the order of their cards.

    Source: Documentation/gpu/amdgpu and Documentation/hwmon of the Linux kernel; memory by process is of its compute
    driver (class/kfd), in bytes.
    """
    cards = sorted(
        (SYSFS / "class/drm").glob("card[0-9]*/device"), key=lambda device: _number_in(device.parent.name)
    )
    amds = [device for device in cards if "-" not in device.parent.name and _text(device / "vendor") == _AMD]
    return tuple(_amd_gpu(number, device, owner) for number, device in enumerate(amds, first))


def _amd_gpu(number: int, device: Path, owner: Callable[[int], str]) -> Gpu:
    busy, used, total = (
        _value(device / name) for name in ("gpu_busy_percent", "mem_info_vram_used", "mem_info_vram_total")
    )
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device / "hwmon")
    temperature, limit = _value(sensors / "temp1_input"), _value(sensors / "power1_cap")
    power = _value(sensors / "power1_average")
    power = _value(sensors / "power1_input") if power is None else power
    return Gpu(
        number,
        clean(_text(device / "product_name") or f"AMD GPU {device.resolve().name}", 60),
        busy / 100 if busy is not None else None,
        (used, total) if used is not None and total else None,
        temperature // 1000 if temperature is not None else None,
        power / 1e6 if power is not None else None,
        limit / 1e6 if limit else None,
        tuple(GpuProcess(pid, owner(pid), memory) for pid, memory in _amd_processes(device)),
    )


def _amd_processes(device: Path) -> Iterator[tuple[int, int]]:
    """(process, bytes) of each that computes on the GPU, which the compute driver calls by a number of its own."""
    kfd = SYSFS / "class/kfd/kfd"
    minors = {_number_in(render.name) for render in device.glob("drm/renderD*")}
    for node in kfd.glob("topology/nodes/*"):
        told = dict(line.split(maxsplit=1) for line in _text(node / "properties").splitlines() if " " in line)
        if _number_in(told.get("drm_render_minor", "0")) not in minors:  # 0 is a processor's, and no card's
            continue
        for memory in sorted(kfd.glob(f"proc/[0-9]*/vram_{_text(node / 'gpu_id')}")):
            if value := _value(memory):
                yield _number_in(memory.parent.name), value


def _text(path: Path) -> str:
    """What a file of the kernel says; "" where it cannot be asked."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _value(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdecimal() else None


def _number_in(name: str) -> int:
    digits = "".join(filter(str.isdecimal, name))
    return int(digits) if digits else -1


def gpu_in_words(gpu: Gpu, busy: bool = True) -> str:
    """What a GPU is doing, without its name; ``busy``: with its utilisation."""
    parts = [
        f"{gpu.utilisation:.0%} busy" if busy and gpu.utilisation is not None else "",
        used_of_total(gpu.memory) if gpu.memory else "",
        f"{gpu.celsius} °C" if gpu.celsius is not None else "",
        (f"{gpu.watts:.0f}" + (f"/{gpu.limit:.0f}" if gpu.limit else "") + " W")
        if gpu.watts is not None
        else "",
    ]
    return " · ".join(filter(None, parts)) or "it tells nothing"
