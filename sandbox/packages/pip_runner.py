"""What runs pip inside the container, and says what it installed with the hash of each archive."""

from __future__ import annotations

# pip sees what it has installed before, so that it keeps or replaces it; but nothing there can be imported.
RUNNER = r"""
import glob, importlib.util, json, os, runpy, site, sys

class Closed:
    def find_spec(self, name, target=None):
        return None

def there():
    return {os.path.basename(path)[: -len(".dist-info")] for path in glob.glob(glob.escape(place) + "/*.dist-info")}

def spell(name):
    return name.lower().replace("_", "-").replace(".", "-")

def known():
    # What the report says of each archive, by name and version. pip before 22.2 writes none.
    try:
        with open(report) as file:
            items = json.load(file)["install"]
        return {
            (spell(item["metadata"]["name"]), item["metadata"]["version"]): [
                item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", ""), bool(item.get("requested"))
            ]
            for item in items
        }
    except (OSError, ValueError, KeyError):
        return {}

def described(name):
    start, _, version = name.rpartition("-")
    return [name, *found.get((spell(start), version), ["", True])]

mark, place = sys.argv.pop(1), site.getusersitepackages()
if importlib.util.find_spec("pip") is None:
    sys.exit("The image has no pip.")
sys.path.append(place)
sys.path_importer_cache[place] = Closed()
before = there()
report = os.path.abspath("report.json")
try:
    import pip
    if tuple(int(part) for part in pip.__version__.split(".")[:2]) >= (22, 2):
        sys.argv += ["--report", report]
except ValueError:
    pass
try:
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
finally:
    found = known()
    os.write(3, ("installed " + mark + " " + json.dumps([described(name) for name in sorted(there() - before)]) + "\n").encode())
"""
