"""Names of packages: which are well known, which package an import comes from, and what is no name at all."""

from __future__ import annotations

import re

import pytest

from sandbox.packages.names import (
    PACKAGES,
    Package,
    imports_of,
    is_archive,
    is_known,
    known_packages,
    missing_module,
    name_of,
    normalize,
    package_of,
)


def test_the_list_of_known_packages_is_normalised_and_long_enough() -> None:
    names = known_packages()
    assert len(names) > 500
    assert [name for name in names if normalize(name) != name or not re.fullmatch(r"[a-z0-9-]+", name)] == []
    assert {"numpy", "pandas", "matplotlib", "requests", "scikit-learn", "six", "toolz"} <= names
    assert not {"helpers", "utils", "sklearn", "cv2", "bs4", "beautifulsoup", "opencv", "requets", "my-package"} & names


def test_every_mapped_import_leads_to_a_known_package() -> None:
    assert [name for name in PACKAGES.values() if name not in known_packages()] == []


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("cv2", "opencv-python-headless"),
        ("PIL", "pillow"),
        ("PIL.Image", "pillow"),
        ("sklearn", "scikit-learn"),
        ("sklearn.linear_model", "scikit-learn"),
        ("yaml", "pyyaml"),
        ("bs4", "beautifulsoup4"),
        ("dotenv", "python-dotenv"),
        ("Crypto", "pycryptodome"),
        ("Crypto.Cipher", "pycryptodome"),
        ("dateutil", "python-dateutil"),
        ("serial", "pyserial"),
        ("usb", "pyusb"),
        ("fitz", "pymupdf"),
        ("docx", "python-docx"),
        ("pptx", "python-pptx"),
        ("OpenSSL", "pyopenssl"),
        ("jwt", "pyjwt"),
        ("google.protobuf", "protobuf"),
        ("google.generativeai", "google-generativeai"),
        ("google.colab", None),
        ("Queue", None),
        ("urllib2", None),
        ("win32com.client", None),
        ("sklearn.cross_validation", None),
        ("google", None),
        ("Bio.Seq", "biopython"),
        ("tabula", "tabula-py"),
        ("flask_migrate", "flask-migrate"),
        ("vl_convert", "vl-convert-python"),
        ("attr", "attrs"),
        ("skimage", "scikit-image"),
        ("mpl_toolkits.mplot3d", "matplotlib"),
        ("pkg_resources", "setuptools"),
        ("distutils.core", "setuptools"),
        ("numpy", "numpy"),
        ("typing_extensions", "typing-extensions"),
        ("no_such_thing", "no-such-thing"),
        ("json", None),
        ("tkinter", None),
        ("_tkinter", None),
        ("os.path", None),
        ("imp", None),
    ],
)
def test_the_package_that_a_module_comes_from(module: str, package: str | None) -> None:
    assert package_of(module) == package


def test_what_the_program_imports_tells_packages_of_one_namespace_apart() -> None:
    assert package_of("google", "from google.protobuf import message") == "protobuf"
    assert package_of("google", "import google.cloud.storage as s") == "google-cloud-storage"
    assert package_of("google.cloud", "from google.cloud import bigquery") == "google-cloud-bigquery"
    assert package_of("ruamel", "from ruamel.yaml import YAML") == "ruamel-yaml"
    assert not is_known("google")


def test_only_imports_that_happen_in_any_case_are_read() -> None:
    code = "import a, b.c\nfrom d import e\nfrom . import f\ntry:\n    import g\nexcept ImportError:\n    pass\ndef h():\n    import i\n"
    assert imports_of(code) == {"a", "b.c", "d", "d.e"}
    assert imports_of("no python at all") == set()
    assert imports_of("(" * 100_000) == set()


@pytest.mark.parametrize(
    ("output", "module"),
    [
        ("Traceback\nModuleNotFoundError: No module named 'cv2'\n", "cv2"),
        ("ModuleNotFoundError: No module named 'google.protobuf'; 'google' is not a package\n\n", "google.protobuf"),
        ("ImportError: No module named yaml\n", "yaml"),
        ("ModuleNotFoundError: No module named 'cv2'\nbut the program went on\n", None),
        ("print(\"ModuleNotFoundError: No module named 'cv2'\")\n", None),
        ("ModuleNotFoundError: No module named '../evil'\n", None),
        ("ModuleNotFoundError: No module named '--index-url=http://x'\n", None),
        ("ModuleNotFoundError: No module named 'a b'\n", None),
        (f"ModuleNotFoundError: No module named '{'a' * 200}'\n", None),
        ("ValueError: no\n", None),
        ("", None),
    ],
)
def test_the_missing_module_is_read_from_the_last_line_alone(output: str, module: str | None) -> None:
    assert missing_module(output) == module


PARQUET = """\
Traceback (most recent call last):
  File "a.py", line 3, in <module>
ImportError: Unable to find a usable engine; tried using: 'pyarrow', 'fastparquet'.
A suitable version of pyarrow or fastparquet is required for parquet support.
Trying to import the above resulted in these errors:
 - `Import pyarrow` failed. pyarrow is required for parquet support. Use pip or conda to install the pyarrow package.
 - `Import fastparquet` failed. fastparquet is required for parquet support. Use pip or conda to install the fastparquet package.
"""
STARLETTE = """\
RuntimeError: The starlette.testclient module requires the httpx package to be installed.
You can install this with:
    $ pip install httpx

"""


@pytest.mark.parametrize(
    ("output", "module"),
    [
        (PARQUET, "pyarrow"),
        (STARLETTE, "httpx"),
        (STARLETTE.replace("pip install httpx", 'pip install --upgrade "kaleido>=1"'), "kaleido"),
        (STARLETTE.replace("httpx", "acme_secret"), None),
        (STARLETTE + "\n" * 20 + "and the program went on", None),
        ("You can install this with:\n    $ pip install httpx\n", "httpx"),
        ("ValueError: no\n" * 2000, None),
        (
            'ImportError: Dask distributed is not there\n\n  pip install distributed:\n  pip install "dask[distributed]" --upgrade\n',
            "distributed",
        ),
    ],
)
def test_a_missing_package_is_known_by_the_lines_behind_the_last_error(output: str, module: str | None) -> None:
    assert missing_module(output) == module


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("Requests", "requests"),
        ("ruamel.yaml", "ruamel-yaml"),
        ("Flask_SQLAlchemy", "flask-sqlalchemy"),
        ("requests[socks,security]", "requests"),
        ("requests >= 2.0, < 3", "requests"),
        ("numpy==1.*", "numpy"),
        ("numpy (>=1.0)", "numpy"),
        ('tomli; python_version < "3.11"', "tomli"),
        ("torch==2.1.0+cpu", "torch"),
        ("", None),
        (">=1.0", None),
        ("a b", None),
        (".", None),
        ("./a", None),
        ("a/b", None),
        ("/a", None),
        ("~/a", None),
        ("-e", None),
        ("--index-url=x", None),
        ("git+https://example.org/a", None),
        ("https://example.org/a.whl", None),
        ("a @ https://example.org/a.whl", None),
        ("a-1.0-py3-none-any.whl", None),
        ("a.tar.gz", None),
        ("a$(id)", None),
        ("a;rm -rf /", None),
        ("a\nb", None),
        ("rëquests", None),
        ("requests[../x]", None),
        ("a" + " \n" * 4_000 + "(", None),
        ("a \n [b]  == 1", "a"),
        ("a\u00a0==1", None),
    ],
)
def test_what_is_the_name_of_a_package_and_what_is_not(requirement: str, name: str | None) -> None:
    assert name_of(requirement) == name


def test_known_names_in_any_spelling_and_with_any_version() -> None:
    assert is_known("Scikit_Learn>=1.0")
    assert not is_known("scikit-lern")
    assert not is_known("https://example.org/numpy.whl")
    assert is_archive("numpy.zip")


def test_a_package_is_written_with_its_version() -> None:
    assert str(Package("six", "1.17.0")) == "six 1.17.0"


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("/usr/local/bin/python3: No module named pytest", "pytest"),
        ("/usr/local/bin/python: No module named flask.__main__; 'flask' is a package and cannot be directly executed", "flask"),
        ("ImportError: Missing optional dependency 'tabulate'.  Use pip or conda to install tabulate.", "tabulate"),
        ("ImportError: `Import tabulate` failed.  Use pip or conda to install the tabulate package.", "tabulate"),
        ("ImportError: Plotly express requires numpy to be installed.", "numpy"),
        ("ImportError: lxml not found, please install it", "lxml"),
        ('ImportError: matplotlib is required for plotting when the default backend "matplotlib" is selected.', "matplotlib"),
        (
            "bs4.exceptions.FeatureNotFound: Couldn't find a tree builder with the features you requested: html5lib. "
            "Do you need to install a parser library?",
            "html5lib",
        ),
        ("Please install rapidfuzz: pip install rapidfuzz", "rapidfuzz"),
        ("Run `pip install acme-secret` first", None),
        (
            "subprocess.CalledProcessError: Command '['/usr/bin/python3', '-m', 'pip', 'install', '-q', 'scikit-learn']' "
            "returned non-zero exit status 1.",
            "scikit-learn",
        ),
        ("subprocess.CalledProcessError: Command 'pip install six toolz' returned non-zero exit status 1.", "six"),
        ("subprocess.CalledProcessError: Command '['pip', 'install', 'acme-secret']' returned non-zero exit status 1.", None),
        ("subprocess.CalledProcessError: Command '['npm', 'install', 'six']' returned non-zero exit status 1.", None),
        ("ValueError: name is required to go on", None),
        ("ValueError: the field requires the acme_secret package to be there", None),
        ("ImportError: cannot import name 'x' from 'y'", None),
        ("ValueError: invalid literal for int() with base 10: 'numpy'", None),
        ("numpy is required", None),
    ],
)
def test_a_missing_package_is_known_by_other_words_too(line: str, package: str | None) -> None:
    module = missing_module(f"before\n{line}\n")
    assert (package_of(module) if module else None) == package
