-- The data sets that latent knows by name: what they are, where they come from,
-- which files they are and what SHA-256 those have.
--
-- A set has `files` that are used as they come, or an `archive` of which only
-- `members` are kept; both below `folder` in any of the places. `holds` are the
-- files that say it is there (plain or .gz), with the SHA-256 of their content
-- where that is known. Sources are tried in turn.
--
-- Where the numbers are from: sizes and digests of downloads are those that
-- TensorFlow Datasets publishes (url_checksums); the digests of MNIST's contents
-- were computed from files whose MD5 sums are the ones that torchvision
-- publishes; those of the faces from the 400 pictures themselves.
local fetch = require "latent.core.fetch"
local json = require "latent.core.json"
local options = require "latent.options"
local sys = require "latent.core.sys"

local sets = { all = {}, by_name = {} }

local GROUPLENS <const> = "https://files.grouplens.org/datasets/movielens/"
local GROUPLENS_LICENCE <const> = "research use with acknowledgement; not to be redistributed, nor used commercially,"
  .. " without permission (GroupLens)"
local MOVIELENS <const> = "F. M. Harper, J. A. Konstan: The MovieLens Datasets: History and Context."
  .. " ACM TiiS 5(4), 2015"

local function idx_files(sizes)
  local files = {}
  for i, name in ipairs { "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz" } do
    files[i] = { name = name, size = sizes[i][1], sha256 = sizes[i][2] }
  end
  return files
end

local function idx_names(digests)
  return {
    { name = "train-images-idx3-ubyte", sha256 = digests[1] },
    { name = "train-labels-idx1-ubyte", sha256 = digests[2] },
    { name = "t10k-images-idx3-ubyte", sha256 = digests[3] },
    { name = "t10k-labels-idx1-ubyte", sha256 = digests[4] },
  }
end

local function ratings(name, o)
  return { name = name, title = o.title, folder = name, shape = o.shape, examples = o.examples,
    labels = "ratings " .. o.scale, load = ('latent.data.ratings { set = "%s" }'):format(name),
    sources = { GROUPLENS }, archive = { name = name .. ".zip", size = o.size, sha256 = o.sha256 },
    members = { o.file }, holds = { { name = o.file } }, limit = o.limit,
    licence = GROUPLENS_LICENCE, citation = MOVIELENS }
end

-- ---- the sets ----

local known <const> = {
  {
    name = "mnist", title = "handwritten digits", folder = "mnist", shape = "1x28x28", examples = "60,000 + 10,000",
    labels = "digits 0 to 9", load = "latent.data.mnist {}",
    sources = { "https://ossci-datasets.s3.amazonaws.com/mnist/",
      "https://storage.googleapis.com/cvdf-datasets/mnist/" },
    files = idx_files {
      { 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609" },
      { 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c" },
      { 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6" },
      { 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6" },
    },
    holds = idx_names { "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
      "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
      "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
      "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2" },
    licence = "Creative Commons Attribution-ShareAlike 3.0",
    citation = "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
  },
  {
    name = "fashion-mnist", title = "articles of clothing", folder = "fashion-mnist", shape = "1x28x28",
    examples = "60,000 + 10,000", labels = "10 classes", load = 'latent.data.mnist { dir = ".../fashion-mnist" }',
    sources = { "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/" },
    files = idx_files {
      { 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84" },
      { 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845" },
      { 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073" },
      { 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5" },
    },
    holds = idx_names {}, own_folder = true,
    licence = "MIT",
    citation = "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST. arXiv:1708.07747, 2017",
  },
  {
    name = "faces", title = "Olivetti (ORL) faces", folder = "orl-faces", shape = "1x112x92", examples = "400",
    labels = "people 0 to 39", load = "latent.data.faces {}",
    sources = { "https://www.cl.cam.ac.uk/Research/DTG/attarchive/pub/data/" },
    archive = { name = "att_faces.zip" }, convert = "faces", limit = 65536,
    holds = {
      { name = "faces-images-idx3-ubyte", sha256 = "9c1b9e8cea98aa11ae5a9a6957f2911e87598a7739225cbff6d187f17406dc93" },
      { name = "faces-labels-idx1-ubyte", sha256 = "87b0dbf71b8091a9cef50af2767e98a87f3b0bde56f1eda7bb591d156e542390" },
    },
    licence = "free for research; credit AT&T Laboratories Cambridge",
    citation = "F. Samaria, A. Harter: Parameterisation of a stochastic model for human face identification. WACV 1994",
  },
  {
    name = "cifar10", title = "small colour pictures of things", folder = "cifar10", other = "cifar-10-batches-bin",
    shape = "3x32x32", examples = "50,000 + 10,000", labels = "10 classes", load = "latent.data.cifar10 {}",
    sources = { "https://www.cs.toronto.edu/~kriz/" },
    archive = { name = "cifar-10-binary.tar.gz", size = 170052171,
      sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd" },
    members = { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
      "test_batch.bin", "batches.meta.txt" },
    holds = { { name = "data_batch_1.bin" }, { name = "data_batch_2.bin" }, { name = "data_batch_3.bin" },
      { name = "data_batch_4.bin" }, { name = "data_batch_5.bin" }, { name = "test_batch.bin" } },
    limit = 40000000,
    licence = "none stated; cite the report",
    citation = "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images. Technical report, 2009",
  },
  ratings("ml-100k", { title = "film ratings, 1998", shape = "1682", examples = "943 users", scale = "1 to 5",
    file = "u.data", size = 4924029, sha256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    limit = 10000000 }),
  ratings("ml-1m", { title = "film ratings, 2000", shape = "3706", examples = "6,040 users", scale = "1 to 5",
    file = "ratings.dat", size = 5917549,
    sha256 = "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20", limit = 100000000 }),
  ratings("ml-20m", { title = "film ratings, 2015", shape = "26744", examples = "138,493 users", scale = "0.5 to 5",
    file = "ratings.csv", size = 198702078,
    sha256 = "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3", limit = 2000000000 }),
  ratings("ml-latest-small", { title = "film ratings, 2018", shape = "9724", examples = "610 users",
    scale = "0.5 to 5", file = "ratings.csv", size = 978202,
    sha256 = "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436", limit = 100000000 }),
  {
    name = "curves", title = "generated pen strokes", folder = "curves", shape = "1x28x28", examples = "any number",
    labels = "none", load = "latent.data.curves {}", is_generated = true, holds = {},
    licence = "generated here: no licence needed",
    citation = "after G. E. Hinton, R. R. Salakhutdinov: Reducing the Dimensionality of Data with Neural Networks."
      .. " Science 313, 2006",
  },
  {
    name = "ratings", title = "generated low-rank ratings", folder = "ratings", shape = "any number",
    examples = "any number", labels = "ratings around 3, with known noise",
    load = "latent.data.ratings { generate = {} }", is_generated = true, holds = {},
    licence = "generated here: no licence needed",
  },
  {
    name = "topics", title = "generated word counts", folder = "topics", shape = "any number",
    examples = "any number", labels = "the heaviest topic", load = "latent.data.topics {}", is_generated = true,
    holds = {}, licence = "generated here: no licence needed",
  },
}

local function add(set)
  sets.all[#sets.all + 1] = set
  sets.by_name[set.name] = set
end

for _, set in ipairs(known) do add(set) end

-- ---- sets of the user's own ----

-- A name that is no path, and none of those that fetching makes of its own.
local function plain_name(owner, what, name)
  if type(name) == "string" and name:find("^[%w_][%w_.+-]*$") and name ~= "SHA256SUMS" and not name:find("%.part$") then
    return name
  end
  sys.fail(("%s: %s is %s, wanted a plain name"):format(owner, what, type(name) == "string" and name
    or options.show(name)))
end

local function define(owner, name)
  return options.define(owner, {
    { "source", "string", required = true, help = "the address of the folder that holds the files" },
    { "files", "table", help = "that are used as they come" },
    { "archive", "table", help = "or one of which members are kept" },
    { "members", "table", help = "their names" },
    { "folder", "string", default = name, help = "where they go" },
    { "limit", "integer", default = 1 << 32, min = 1, help = "bytes of a member" },
    { "title", "string" }, { "shape", "string" }, { "examples", "string" }, { "labels", "string" },
    { "load", "string" }, { "licence", "string" }, { "citation", "string" },
  }), options.define(owner .. ": a file", {
    { "name", "string" }, { "size", "integer", min = 0 }, { "sha256", "string" },
  })
end

local function read_download(owner, spec, given)
  local name = plain_name(owner, "a file's name", type(given) == "table" and given.name or given)
  if type(given) ~= "table" then
    sys.fail(('%s: found the file \'%s\', wanted { "name": "%s" }'):format(owner, name, name))
  end
  local file = spec:read(given)
  file.sha256 = file.sha256 and file.sha256:lower()
  if file.sha256 and not (file.sha256:find("^%x+$") and #file.sha256 == 64) then
    sys.fail(("%s: sha256 of %s: wanted 64 hexadecimal digits"):format(owner, name))
  end
  return file
end

-- A list that is not empty, each item read by `read`.
local function read_list(owner, what, given, read)
  local out, seen = {}, {}
  for i, item in ipairs(given) do
    out[i] = read(item)
    local name = type(out[i]) == "table" and out[i].name or out[i]
    if seen[name] then sys.fail(("%s: found %s twice among the %s"):format(owner, name, what)) end
    seen[name] = true
  end
  if #out == 0 or next(given, #out) ~= nil then
    sys.fail(("%s: %s: wanted a list of at least one"):format(owner, what))
  end
  return out
end

local function read_set(path, name, given)
  plain_name(path, "a set's name", name)
  local owner = path .. ": " .. name
  if sets.by_name[name] then sys.fail(owner .. ": that set is known already, wanted another name") end
  if type(given) ~= "table" or given.source == nil or (given.files == nil) == (given.archive == nil) then
    sys.fail(owner .. ": wanted source, and files or archive")
  end
  local spec, file_spec = define(owner, name)
  local set = spec:read(given)
  plain_name(owner, "folder", set.folder)
  if not set.source:find("^https?://") then
    sys.fail(("%s: source is %s, wanted one that begins with http:// or https://"):format(owner, set.source))
  end
  set.name, set.sources, set.own_folder, set.holds = name, { set.source }, true, {}
  local function read_file(file) return read_download(owner, file_spec, file) end
  local function read_member(member) return plain_name(owner, "a member", member) end
  if set.files then
    set.files = read_list(owner, "files", set.files, read_file)
  else
    set.archive = read_file(set.archive)
    set.members = read_list(owner, "members", set.members or {}, read_member)
  end
  for i, item in ipairs(set.files or set.members) do set.holds[i] = { name = set.files and item.name or item } end
  return set
end

-- { "NAME": { "source": URL, "files": [{ "name":, "size":, "sha256": }] }, ... };
-- or "archive": { "name": ... } with "members": [names] instead of files.
function sets.add_file(path)
  local given, failure = json.try(sys.read(path))
  if failure then error({ status = 4, message = ("%s: %s"):format(path, failure) }, 0) end
  local names = {}
  for name in pairs(type(given) == "table" and given or {}) do names[#names + 1] = name end
  if #names == 0 then sys.fail(path .. ": wanted an object of sets by name") end
  table.sort(names)
  for _, name in ipairs(names) do add(read_set(path, name, given[name])) end
end

-- ---- where they are ----

-- The user's cache folder, or nil.
function sets.cache()
  local cache, home = sys.env("XDG_CACHE_HOME"), sys.env("HOME")
  if cache and cache ~= "" then return cache .. "/latent" end
  return home and home ~= "" and home .. "/.cache/latent" or nil
end

function sets.places(dir)
  local places = {}
  for _, place in ipairs { dir or "", sys.env("LATENT_DATA") or "", "data", sets.cache() or "" } do
    if place ~= "" then places[#places + 1] = place end
  end
  return places
end

-- The files in `folder`, plain or .gz, or nil when one is missing.
local function all_there(set, folder)
  local paths = {}
  for i, file in ipairs(set.holds) do
    local path = folder .. "/" .. file.name
    paths[i] = fetch.size(path) and path or fetch.size(path .. ".gz") and path .. ".gz" or nil
    if not paths[i] then return nil end
  end
  return paths
end

-- Folder and paths of a set that is there; the same search as catalog.c. Names
-- that say nothing of their set count in its own folder only.
function sets.find(set, dir)
  if #set.holds == 0 then return nil end
  local is_plain = set.files ~= nil or set.convert ~= nil or set.other ~= nil
  for _, place in ipairs(sets.places(dir)) do
    local is_own = place:match("([^/]*)/*$") == set.folder
    local folders = { place .. "/" .. set.folder, set.other and place .. "/" .. set.other or false,
      (is_own or is_plain and not set.own_folder) and place or false }
    for _, folder in ipairs(folders) do
      local paths = folder and all_there(set, folder)
      if paths then return folder, paths end
    end
  end
  return nil
end

-- Bytes to fetch, or nil when nobody says.
function sets.download_size(set)
  local total = 0
  for _, file in ipairs(set.files or { set.archive }) do
    if not file.size then return nil end
    total = total + file.size
  end
  return total
end

return sets
