"""Installed megabytes and number of a distribution and of all that it requires.  usage: installed.py NAME"""
import importlib.metadata, re, sys

from packaging.requirements import Requirement

seen, bytes_used, waiting = set(), {}, [Requirement(sys.argv[1])]
while waiting:
    wanted = waiting.pop()
    name = re.sub(r"[-_.]+", "-", wanted.name).lower()
    for extra in ("", *wanted.extras):
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        bytes_used[name] = sum(path.stat().st_size for file in distribution.files or [] if (path := file.locate()).is_file())
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(dict(extra=extra)):
                waiting.append(requirement)
print(f"{sum(bytes_used.values()) / 1e6:.0f} {len(bytes_used)}")
