-- latent data: which sets there are, what they are, and bringing them here.
local args = require "latent.args"
local data = require "latent.data"
local fetch = require "latent.core.fetch"
local fetching = require "latent.fetching"
local encode = require "latent.encode"
local sets = require "latent.sets"
local sys = require "latent.core.sys"
local tables = require "latent.table"

local ACTIONS <const> = { "ls", "info", "fetch", "make" }

local spec <const> = {
  command = "data",
  summary = "data sets: list, describe, download, generate",
  positional = {
    { "ACTION", help = "ls: all sets; info NAME: one of them; fetch NAME: download it; make NAME: generate it" },
    { "NAME", optional = true, help = "of the set" },
  },
  options = {
    { "--dir", value = "DIR", help = "the folder that holds sets (else the user's cache folder; make: ./data)" },
    { "--mirror", value = "URL", help = "fetch from URL/NAME/FILE (else $LATENT_MIRROR, else the set's own sources)" },
    { "--sets", value = "FILE", help = "sets of your own, described in JSON" },
    { "--n-train", value = "N", type = "integer", min = 1, help = "make: training examples" },
    { "--n-test", value = "N", type = "integer", min = 1, help = "make: test examples" },
    { "--seed", value = "N", type = "integer", help = "make: of the generator" },
    { "-s", value = "KEY=VALUE", repeated = true, field = "set",
      help = "make: any other option of the generator (latent help latent.data.NAME)" },
    { "--stall", value = "S", type = "number", default = 30, help = "seconds without data that fail a try" },
    { "--tries", value = "N", type = "integer", min = 1, default = 5, help = "in a row that may fail" },
    { "--pause", value = "S", type = "number", default = 1, help = "before the second try; then doubled" },
  },
  formats = true,
  db = false,
  text = [[
Sets are looked for in --dir, $LATENT_DATA, ./data and the user's cache folder
($XDG_CACHE_HOME/latent, or ~/.cache/latent), which is where fetch puts them.

A download appears under its name only when its size and SHA-256 are right.
Until then it is FILE.part, which an interrupted fetch leaves and the next one
takes up. Where nobody published a digest, the first one is trusted, told, and
recorded in SHA256SUMS.

--sets names a JSON file like
  { "mine": { "source": "https://host/path",
      "files": [ { "name": "a.gz", "size": 123, "sha256": "..." } ] } }
or, instead of files, "archive": { "name": "a.zip" }, "members": [ "x.csv" ]
(tar, tar.gz or zip). size and sha256 may be left out.

make writes files for this and any other program: curves as IDX, ratings as CSV,
topics as LIBSVM's word counts.]],
  examples = {
    { "latent data ls" },
    { "latent data fetch mnist" },
    { "latent data make curves --n-train 5000 --n-test 1000 --dir data" },
    { "latent data make ratings -s users=5000 -s items=2000 -s noise=0.4" },
  },
}

local function fail(status, text)
  io.stderr:write("latent data: ", text, "\n")
  return nil, status
end

-- ---- ls ----

local function describe(set, opt)
  local folder, paths = sets.find(set, opt.dir)
  local bytes = nil
  for _, path in ipairs(paths or {}) do bytes = (bytes or 0) + fetch.size(path) end
  return {
    name = set.name, title = set.title, shape = set.shape, examples = set.examples, labels = set.labels,
    found = folder, bytes = bytes, download = not set.is_generated and sets.download_size(set) or nil,
    load = set.load, licence = set.licence, citation = set.citation, generated = set.is_generated,
  }, paths
end

local function show_size(n)
  return n and fetching.megabytes(n) or ""
end

local function where(row)
  return row.found or row.generated and "generated" or "not here"
end

local function list(opt)
  local rows = {}
  for i, set in ipairs(sets.all) do
    local row = describe(set, opt)
    rows[i] = row
    if opt.format == "table" then
      row.found = where(row)
      row.bytes = show_size(row.bytes or row.download)
    end
  end
  local columns = { { "name" }, { "title", title = "what" }, { "shape" }, { "examples" },
    { "bytes", title = "size", align = "right" }, { "found", title = "where" } }
  if opt.format ~= "table" then
    columns[#columns + 1] = { "download" }
    columns[#columns + 1] = { "load" }
  end
  tables.write({ columns = columns, rows = rows }, opt)
  return 0
end

-- ---- info ----

-- SHA-256 as found and as published: of a file's content, compressed or not,
-- or else of the file as it was downloaded; nil when none is known.
local function digests(set, i, path)
  local content, file = set.holds[i].sha256, set.files and set.files[i]
  if content then return fetch.content_sha256(path), content end
  if file and file.sha256 and path:match("[^/]*$") == file.name then return fetch.sha256(path), file.sha256 end
end

-- What the files that were found are, against what they should be.
local function checked_files(set, paths)
  local files = {}
  for i, path in ipairs(paths or {}) do
    local found, wanted = digests(set, i, path)
    files[i] = { path = path, bytes = fetch.size(path),
      state = not wanted and "not checked" or found == wanted and "right" or "not the published content" }
  end
  return files
end

local function download_files(set, opt)
  local files = {}
  for i, file in ipairs(set.files or { set.archive }) do
    files[i] = { name = file.name, bytes = file.size, sha256 = file.sha256 }
  end
  local source = opt.mirror and opt.mirror .. "/" .. set.name or set.sources and table.concat(set.sources, ", or ")
  return files, source
end

local function info_rows(info)
  local rows = {}
  local function put(item, value)
    if value then rows[#rows + 1] = { item = item, value = tostring(value) } end
  end
  put("name", info.name)
  put("what", info.title)
  put("shape", info.shape)
  put("examples", info.examples)
  put("labels", info.labels)
  put("loaded by", info.load)
  put("where", where(info))
  for _, file in ipairs(info.files) do
    put("file", ("%s, %s, %s"):format(file.path, fetching.megabytes(file.bytes), file.state))
  end
  put("source", info.source)
  for _, file in ipairs(info.downloads) do
    put("download", file.name .. (file.bytes and ", " .. file.bytes .. " bytes" or ""))
    put("SHA-256", file.sha256 or "none published")
  end
  put("licence", info.licence)
  put("cite", info.citation)
  return rows
end

local function inform(set, opt)
  local info, paths = describe(set, opt)
  info.files = checked_files(set, paths)
  info.downloads, info.source = download_files(set, opt)
  if opt.format == "json" then
    encode.array(info.files)
    encode.array(info.downloads)
    print(encode.json(info, true))
    return 0
  end
  tables.write({ columns = { { "item" }, { "value" } }, rows = info_rows(info) }, opt)
  return 0
end

-- ---- fetch and make ----

local function bring(set, opt)
  if set.is_generated then
    return fail(2, ("%s is generated: %s, or latent data make %s"):format(set.name, set.load, set.name))
  end
  print(fetching.set(set, opt))
  return 0
end

-- What the generator is asked for: -s KEY=VALUE, and the options of their own.
local function generator_options(opt)
  local o = { n_train = opt.n_train, n_test = opt.n_test, seed = opt.seed }
  for _, item in ipairs(opt.set or {}) do
    local key, value = item:match("^([%a_][%w_]*)=(.+)$")
    if not key then sys.fail(("-s %s: wanted KEY=VALUE, such as -s noise=0.4"):format(item)) end
    o[key] = tonumber(value) or value
  end
  return o
end

-- By name: function(options, folder) writes files and returns their paths.
local makers = {}

function makers.curves(o, folder)
  local pair, paths = data.curves(o), {}
  for i, part in ipairs { "train", "test" } do
    paths[i] = ("%s/%s-images-idx3-ubyte"):format(folder, part)
    fetch.save_idx(pair[part], paths[i])
  end
  return paths
end

-- All ratings in one file, held out or not: who reads them splits them.
function makers.ratings(o, folder)
  local pair = data.ratings { generate = o, share = 0.5 }
  local lines = { "userId,movieId,rating\n" }
  for _, set in ipairs { pair.train, pair.test.target } do
    local users = (set == pair.train and pair.train or pair.test).row_ids
    local items = pair.train.column_ids
    for i = 1, set.n do
      local columns, values = set:entries(i)
      for k, column in ipairs(columns) do
        lines[#lines + 1] = ("%d,%d,%.9g\n"):format(users[i], items[column], values[k])
      end
    end
  end
  local path = folder .. "/ratings.csv"
  fetch.write(path, table.concat(lines))
  io.stderr:write(("latent data: no expected RMSE is below %g, the noise\n"):format(pair.noise))
  return { path }
end

function makers.topics(o, folder)
  local pair, paths = data.topics(o), {}
  for i, part in ipairs { "train", "test" } do
    local lines, set = {}, pair[part]
    for row = 1, set.n do
      local columns, counts = set:entries(row)
      for k, column in ipairs(columns) do columns[k] = ("%d:%d"):format(column, counts[k]) end
      lines[row] = ("%d %s\n"):format(set:label(row), table.concat(columns, " "))
    end
    paths[i] = ("%s/%s.svm"):format(folder, part)
    fetch.write(paths[i], table.concat(lines))
  end
  return paths
end

local function make(set, opt)
  if not set.is_generated then
    return fail(2, ("%s is not generated: latent data fetch %s"):format(set.name, set.name))
  end
  local folder = (opt.dir or "data") .. "/" .. set.folder
  fetch.folder(folder)
  for _, path in ipairs(makers[set.name](generator_options(opt), folder)) do print(path) end
  return 0
end

-- ---- the command ----

local function find_set(name)
  local names = {}
  for i, set in ipairs(sets.all) do names[i] = set.name end
  if not name then return fail(2, "which set? " .. table.concat(names, ", ")) end
  if sets.by_name[name] then return sets.by_name[name] end
  local near = args.nearest(name, names)
  return fail(3, ("no set '%s'%s"):format(name, near and ("; did you mean '%s'?"):format(near)
    or "; there are " .. table.concat(names, ", ")))
end

local function check_options(opt)
  if not (opt.stall > 0) then return fail(2, "--stall: wanted more than 0") end
  if not (opt.pause >= 0) then return fail(2, "--pause: wanted 0 or more") end
  opt.mirror = opt.mirror or os.getenv("LATENT_MIRROR")
  if opt.mirror == "" then opt.mirror = nil end
  if opt.sets then sets.add_file(opt.sets) end
  return true
end

local function main(argv)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local ok
  ok, status = check_options(opt)
  if not ok then return status end
  if opt.action == "ls" and not opt.name then return list(opt) end
  local act = ({ info = inform, fetch = bring, make = make })[opt.action]
  if not act then
    local near = args.nearest(opt.action, ACTIONS)
    return select(2, fail(2, opt.action == "ls" and "ls takes no name; latent data info NAME" or
      ("no action '%s'%s"):format(opt.action, near and ("; did you mean '%s'?"):format(near) or
      "; wanted ls, info, fetch or make")))
  end
  local set
  set, status = find_set(opt.name)
  if not set then return status end
  local result, failure = act(set, opt)
  return result or failure
end

return { main = main, spec = spec }
