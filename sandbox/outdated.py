"""What was taken out of Python and well-known packages: models write what they learnt, and much of it ran only in earlier years.

Sources: "Removed" in the "What's New" pages of Python 3.0 to 3.13, and the release notes of NumPy 1.24 to 2.4, pandas 1.0 to 3.0,
Pillow 10, scikit-learn 0.20 to 1.9, SciPy 1.3 to 1.17, Matplotlib 3.1 to 3.11, NetworkX 2.4 to 3.6, Flask 2.3, SQLAlchemy 2.0 and
pydantic 2.
"""

from __future__ import annotations

import re

_ABCS = (
    "Awaitable|Callable|Collection|Container|Coroutine|Generator|Hashable|ItemsView|Iterable|Iterator|KeysView|Mapping|MappingView"
    "|MutableMapping|MutableSequence|MutableSet|Reversible|Sequence|Set|Sized|ValuesView"
)
_FRAME = "'(?:DataFrame|Series)' object has no attribute "
_NUMPY = "module 'numpy' has no attribute "
_KEYWORD = "unexpected keyword argument "
# The last words of an error (a whole line of a traceback, by re.search), and what takes the place of what is gone.
_GONE = {
    # Python
    rf"(?:name|attribute) '({_ABCS})'.*|module 'collections' has no attribute '({_ABCS})'": "",
    r"module 'time' has no attribute 'clock'": "time.perf_counter()",
    r"cannot import name 'gcd' from 'fractions'|module 'fractions' has no attribute 'gcd'": "math.gcd",
    r"No module named 'imp'": "importlib",
    r"No module named 'distutils": "shutil, sysconfig or the package setuptools",
    r"No module named '(?:asyncore|asynchat|smtpd)'": "asyncio",
    r"No module named '(?:cgi|cgitb)'": "urllib.parse and html",
    r"No module named 'telnetlib'": "socket",
    r"No module named '(?:urllib2|urlparse)'": "urllib.request and urllib.parse",
    r"No module named '(?:httplib|cookielib)'": "http.client and http.cookiejar",
    r"No module named '(?:BaseHTTPServer|SimpleHTTPServer|SocketServer)'": "http.server and socketserver",
    r"No module named 'ConfigParser'": "configparser",
    r"No module named 'c?StringIO'": "io.StringIO",
    r"No module named 'cPickle'": "pickle",
    r"No module named 'Queue'": "queue",
    r"No module named 'HTMLParser'": "html.parser",
    r"No module named 'commands'": "subprocess",
    r"No module named '__builtin__'": "builtins",
    r"No module named '(?:Tkinter|tkMessageBox)'": "a picture file, since there is no desktop here",
    r"'HTMLParser' object has no attribute 'unescape'|module 'cgi' has no attribute 'escape'": "html.unescape and html.escape",
    r"module 'inspect' has no attribute 'getargspec'": "inspect.getfullargspec",
    r"module 'asyncio' has no attribute '(?:coroutine|async)'|cannot import name 'coroutine' from 'asyncio'": "async def",
    r"module 'string' has no attribute '(?:letters|lowercase|uppercase|maketrans|join)'": "string.ascii_letters and methods of str",
    r"'itertools' has no attribute '(?:izip|imap|ifilter)|import name '(?:izip|imap|ifilter)\w*' from 'itertools'": "zip, map and filter",
    r"module 'sys' has no attribute 'maxint'": "sys.maxsize",
    r"module 'os' has no attribute '(?:getcwdu|errno)'": "os.getcwd() and the module errno",
    r"'Thread' object has no attribute 'isAlive'": "is_alive()",
    r"'dict' object has no attribute 'has_key'": "`key in d`",
    r"'dict' object has no attribute '(?:iter|view)(?:items|keys|values)'": "items(), keys() and values()",
    r"'dict_(?:keys|values|items)' object (?:is not subscriptable|has no attribute 'sort')": "list(d) and sorted(d)",
    r"'(?:map|filter|zip)' object is not subscriptable": "list() around map, filter and zip",
    r"name 'xrange' is not defined": "range",
    r"name 'reduce' is not defined": "functools.reduce",
    r"name '(?:unicode|basestring)' is not defined": "str",
    r"name '(?:raw_input|unichr|long)' is not defined": "input, chr or int",
    r"'str' object has no attribute 'decode'": "the str as it is: only bytes are decoded",
    r"ValueError: invalid mode: 'r?U": "the mode 'r'",
    r"JSONDecoder.__init__\(\) got an unexpected keyword argument 'encoding'": "json.loads without `encoding`",
    # NumPy
    rf"{_NUMPY}'(?:float|int|bool|object|complex|str)'": "float, int, bool, object, complex and str themselves",
    rf"{_NUMPY}'(?:product|alltrue|sometrue|cumproduct)'": "np.prod, np.all, np.any and np.cumprod",
    rf"{_NUMPY}'(?:trapz|in1d|row_stack)'": "np.trapezoid, np.isin and np.vstack",
    rf"{_NUMPY}'(?:msort|round_|asscalar)'": "np.sort(a, axis=0), np.round and a.item()",
    rf"{_NUMPY}'(?:VisibleDeprecationWarning|RankWarning|ComplexWarning|AxisError)'": "the names in np.exceptions",
    rf"{_NUMPY}'warnings'": "the module warnings",
    rf"{_NUMPY}'(?:bool8|int0|uint0|str0)'": "np.bool_, np.intp, np.uintp and np.str_",
    r"`np\.(?:float_|Inf|NaN|unicode_|string_)` was removed": "np.float64, np.inf, np.nan, np.str_ and np.bytes_",
    # pandas
    rf"{_FRAME}'append'": "pd.concat([a, b])",
    rf"{_FRAME}'iteritems'": "items()",
    rf"{_FRAME}'ix'": ".loc and .iloc",
    rf"{_FRAME}'applymap'": "map()",
    rf"{_FRAME}'(?:as_matrix|get_values)'": "to_numpy()",
    rf"{_FRAME}'(?:get_value|set_value|lookup)'": ".at",
    rf"{_FRAME}'mad'": "(s - s.mean()).abs().mean()",
    rf"{_FRAME}'swapaxes'": "transpose()",
    rf"{_FRAME}'sort'": "sort_values() and sort_index()",
    rf"{_FRAME}'tshift'": "shift(freq=...)",
    rf"(?:DataFrame.groupby|resample|rolling)\(\) got an {_KEYWORD}'axis'": "df.T in place of axis=1",
    rf"fillna\(\) got an {_KEYWORD}'method'": "ffill() and bfill()",
    rf"read_\w+\(\) got an {_KEYWORD}'delim_whitespace'": r"sep=r'\s+'",
    rf"read_\w+\(\) got an {_KEYWORD}'squeeze'": '.squeeze("columns") on the result',
    rf"read_\w+\(\) got an {_KEYWORD}'(?:error|warn)_bad_lines'": 'on_bad_lines="skip"',
    rf"to_csv\(\) got an {_KEYWORD}'line_terminator'": "lineterminator",
    rf"(?:read_\w+|to_datetime)\(\) got an {_KEYWORD}'(?:infer_datetime_format|date_parser)'": "date_format, or pd.to_datetime",
    r"Invalid frequency: (?:\d*(?:M|Q|Y|A|BM|BQ|H|T|S|L|U|N)(?:-[A-Z]{3})?)\b": "ME, QE, YE, h, min, s, ms, us and ns",
    r"module 'pandas' has no attribute '(?:U?Int64|Float64)Index'": "pd.Index",
    r"module 'pandas' has no attribute 'Panel'": "a DataFrame with a MultiIndex",
    r"module 'pandas' has no attribute 'datetime'": "the module datetime",
    r"module 'pandas' has no attribute 'rolling_\w+'": "s.rolling(n).mean() and the like",
    r"No module named 'pandas.util.testing'": "pandas.testing, and tables that the program makes itself",
    r"No engine for filetype: 'xls'": "an .xlsx file",
    # Pillow
    r"module 'PIL.Image' has no attribute '(?:ANTIALIAS|LINEAR|CUBIC)'": "Image.Resampling.LANCZOS, BILINEAR and BICUBIC",
    r"'ImageDraw' object has no attribute 'textsize'|'\w*Font\w*' object has no attribute 'getsize'": "textbbox() and getbbox()",
    # scikit-learn
    r"`load_boston` has been removed|cannot import name '(?:load_boston|fetch_mldata)'": "load_diabetes, load_digits or a set of your own",
    r"No module named 'sklearn\.(?:cross_validation|grid_search|learning_curve)'": "sklearn.model_selection",
    r"cannot import name 'joblib' from 'sklearn|No module named 'sklearn.externals": "the package joblib",
    r"cannot import name 'Imputer' from 'sklearn": "sklearn.impute.SimpleImputer",
    r"cannot import name 'plot_(?:confusion_matrix|roc_curve)' from 'sklearn": "ConfusionMatrixDisplay and RocCurveDisplay",
    rf"OneHotEncoder.* {_KEYWORD}'sparse'": "sparse_output",
    rf"TypeError: got an {_KEYWORD}'squared'": "root_mean_squared_error",
    rf"(?:LinearRegression|Ridge|Lasso|ElasticNet|Lars)\w*.__init__\(\) got an {_KEYWORD}'normalize'": "StandardScaler in a pipeline",
    rf"Clustering.* {_KEYWORD}'affinity'": "metric",
    rf"(?:Classifier|Regressor|CV).__init__\(\) got an {_KEYWORD}'base_estimator'": "estimator",
    r"object has no attribute 'get_feature_names'": "get_feature_names_out()",
    # SciPy
    r"`interp2d` has been removed": "RegularGridInterpolator or RectBivariateSpline",
    r"cannot import name '\w+' from 'scipy.misc'|No module named 'scipy.misc'": "scipy.special, scipy.datasets and imageio",
    r"import name '(?:simps|trapz|cumtrapz)' from 'scipy.integrate'|module 'scipy.integrate' has no attribute '(?:simps|trapz|cumtrapz)'": (
        "simpson, trapezoid and cumulative_trapezoid"
    ),
    r"[Mm]odule 'scipy' has no attribute '(?:array|zeros|ones|arange|linspace|pi|sqrt|exp|log|sin|cos|mean|random|dot)'": "numpy",
    r"scipy.signal' has no attribute '(?:hann|hamming|blackman|gaussian)'|'(?:hann|hamming|blackman|gaussian)' from 'scipy.signal'": (
        "scipy.signal.windows"
    ),
    r"import name 'binom_test' from 'scipy|'scipy.stats' has no attribute 'binom_test'": "scipy.stats.binomtest",
    # NetworkX
    r"module 'networkx' has no attribute 'info'": "print(G)",
    r"module 'networkx' has no attribute '(?:to|from)_numpy_matrix'": "to_numpy_array and from_numpy_array",
    r"module 'networkx' has no attribute '(?:read|write)_gpickle'": "pickle",
    r"module 'networkx' has no attribute 'connected_component_subgraphs'": "G.subgraph(c) for c in nx.connected_components(G)",
    r"Graph' object has no attribute 'node'. Did you mean: '_node'": "G.nodes",
    # Matplotlib
    r"'seaborn[\w-]*' is not a valid package style": "plt.style.use('seaborn-v0_8')",
    r"module 'matplotlib.cm' has no attribute 'get_cmap'": "matplotlib.colormaps['viridis']",
    rf"gca\(\) got an {_KEYWORD}'projection'": "plt.subplot(projection='3d')",
    rf"(?:Rectangle.set|Polygon.set|hist|hist2d|histogram)\(\) got an {_KEYWORD}'normed'": "density",
    rf"'Axes\w*' object has no attribute 'set_axis_bgcolor'|{_KEYWORD}'axisbg'": "set_facecolor()",
    rf"boxplot\(\) got an {_KEYWORD}'labels'": "tick_labels",
    r"(?:bar|box|line|violin|scatter|count|point|strip|swarm)plot\(\) takes from 0 to 1 positional": "x=, y= and data= with their names",
    r"No module named 'matplotlib.finance'": "the package mplfinance",
    r"No module named 'mpl_toolkits.basemap'": "the package cartopy",
    # the web and databases
    r"cannot import name '(?:escape|Markup)' from '(?:flask|jinja2)'": "the package markupsafe",
    r"cannot import name '(?:contextfunction|environmentfilter|contextfilter)' from 'jinja2'": "pass_context and pass_environment",
    r"cannot import name 'secure_filename' from 'werkzeug'": "werkzeug.utils.secure_filename",
    r"cannot import name 'url_\w+' from 'werkzeug.urls'": "urllib.parse",
    r"cannot import name 'JSONEncoder' from 'flask.json'": "flask.json.provider.DefaultJSONProvider",
    r"No module named 'flask.ext": "flask_sqlalchemy and the like",
    r"'Flask' object has no attribute 'before_first_request'": "with app.app_context(), before the app runs",
    r"'Engine' object has no attribute 'execute'|Not an executable object: '|should be explicitly declared as text": (
        "with engine.connect() as connection: connection.execute(text(...))"
    ),
    rf"MetaData.__init__\(\) got an {_KEYWORD}'bind'": "metadata.create_all(engine)",
    rf"(?:constr|Field|Query|Path)\(\) got an {_KEYWORD}'regex'": "pattern",
    r"load\(\) missing 1 required positional argument: 'Loader'": "yaml.safe_load",
    r"cannot import name '(?:Filters|Updater)' from 'telegram.ext'": "telegram.ext.Application and telegram.ext.filters",
    r"cannot import name '\w+' from 'langchain\.(?:chat_models|llms|embeddings)'": "langchain_openai, langchain_community and the like",
    r"'Workbook' object has no attribute '(?:get_active_sheet|get_sheet_by_name)'": "wb.active and wb[name]",
    r"No module named 'moviepy.editor'": "from moviepy import ...",
    # networks of neurons
    r"No module named 'gym'": "the package gymnasium",
    r"module 'tensorflow' has no attribute '(?:placeholder|Session|global_variables_initializer)'": "tf.function and tf.Variable",
    r"cannot import name 'np_utils' from 'keras|No module named 'keras.utils.np_utils'": "keras.utils.to_categorical",
}
_PATTERNS = [(re.compile(pattern), instead) for pattern, instead in _GONE.items()]
_ERROR = re.compile(r"\w(?:Error|Exception): |(?:was|has been) removed")


def replacement(output: str) -> str:
    """Say what replaces the outdated name over which a Python program failed, by the last error of its output; "" if it is none."""
    lines = [line for line in output.splitlines() if _ERROR.search(line)]
    last = lines[-1] if lines else ""
    for pattern, instead in _PATTERNS:
        if found := pattern.search(last):
            abc = next((group for group in found.groups() if group), "")
            return instead or (f"collections.abc.{abc}" if "collections" in last else "")
    return ""
