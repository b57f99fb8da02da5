#!/usr/bin/env python3
"""Checks the house: includes keep to the floors, and library rooms neither print nor exit nor read the environment.

usage: tests/floors.py SOURCE_FOLDER            exit 0 when all holds, 1 with one line for each breach
The floors are those of CMakeLists.txt (DSDR_FLOORS, lowest first), with cli and api, the two doors, above all. A file includes headers of its own room and of
lower floors, never of a neighbour on its floor or of one above.
"""
import pathlib, re, sys

# A forked worker leaves by _exit, so that it runs no handlers of the program that forked it.
FORBIDDEN = re.compile(r"(?<!format\()\b(printf|vprintf|puts|putchar|perror|exit|abort|quick_exit|getenv|stdout|stderr)\b")


def code_of(text):
    """The text with comments and the contents of string and character literals blanked, lines kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: '""' + "\n" * m.group().count("\n"), text)


def main():
    root = pathlib.Path(sys.argv[1])
    declared = re.search(r"set\(DSDR_FLOORS ([^)]*)\)", (root / "CMakeLists.txt").read_text()).group(1)
    floors = [floor.split() for floor in re.findall(r'"([^"]*)"', declared)] + [["cli", "api"]]
    level = {room: i for i, floor in enumerate(floors) for room in floor}
    breaches, includes = [], 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        room, name = path.relative_to(root / "src").parts[0], path.relative_to(root)
        if room not in level:
            breaches.append(f"{name}: room {room} stands on no floor of DSDR_FLOORS in CMakeLists.txt")
            continue
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            includes += 1
            target = found.group(1)
            other = target.split("/")[0]
            if target == "dsdr.h" and room == "api":
                continue
            if other not in level or "/" not in target:
                breaches.append(f'{name}:{number}: "{target}" should be written as "ROOM/HEADER.h"')
            elif other != room and level[other] >= level[room]:
                breaches.append(f"{name}:{number}: {room} includes {target}, which is not on a lower floor")
        if room != "cli":
            # The user's home folder, for paths with "~", is no switch.
            for number, line in enumerate(code_of(text.replace('getenv("HOME")', "NULL")).splitlines(), 1):
                found = FORBIDDEN.search(line)
                if found:
                    breaches.append(f"{name}:{number}: {found.group(1)} in a library room; only cli prints, exits and reads the environment")
    for breach in breaches:
        print(breach)
    print(f"{includes} includes, {len(breaches)} breaches")
    sys.exit(1 if breaches or not includes else 0)


if __name__ == "__main__":
    main()
