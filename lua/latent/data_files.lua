-- Sets of latent.data that are read from files: NPY, CSV, folders of pictures,
-- CIFAR-10. A set's recipe has the options of its own file only, so that each
-- set of a pair is made again alone.
local core = require "latent.core.files"
local data = require "latent.data"
local json = require "latent.core.json"
local options = require "latent.options"
local sys = require "latent.core.sys"

local MOST <const> = 2147483647

local limit_option <const> = { "limit", "integer", default = 0, min = 0, max = MOST,
  help = "at most so many examples of a file; 0: all" }
local missing_option <const> = { "missing", "boolean", default = false,
  help = "NaN (CSV: empty cells, NA too) are missing values, for loss = 'masked_mse'; else an error" }

local specs = {
  npy = options.define("latent.data.npy", {
    { "images", "string", help = "one file of |u1, <f4 or <f8, (n), (n,d), (n,h,w) or (n,c,h,w): gives one set" },
    { "labels", "string", help = "of images: integers 0 to 255" },
    { "train", "string", help = "with test, instead of images: gives a pair" },
    { "train_labels", "string" },
    { "test", "string" },
    { "test_labels", "string" },
    limit_option, missing_option,
  }),
  csv = options.define("latent.data.csv", {
    { "path", "string", help = "one file, plain or gzip-compressed: gives one set" },
    { "train", "string", help = "with test, instead of path: gives a pair" },
    { "test", "string" },
    { "separator", "string", choices = { ",", ";", "tab" }, help = "by default the first line tells" },
    { "header", "boolean", help = "by default: the first line is one when it has a cell that is no number" },
    { "label", { "integer", "string" },
      help = "the column of the labels by name or number (-1: the last): 0 to 255, or words, numbered in their order" },
    { "shape", "table", help = "of an example: { channels, height, width }; by default { columns }" },
    limit_option, missing_option,
  }),
  pictures = options.define("latent.data.pictures", {
    { "dir", "string", help = "a folder of PNG, PGM or PPM files of one size, sorted by name: gives one set" },
    { "train", "string", help = "with test, instead of dir: gives a pair" },
    { "test", "string" },
    { "channels", "integer", default = 0, choices = { 0, 1, 3 }, help = "1: grey, 3: colour, 0: as the files are" },
    { "labels", "boolean", default = false, help = "the folder's sub-folders, sorted by name, are labels 0, 1 ..." },
    limit_option,
  }),
  cifar10 = options.define("latent.data.cifar10", {
    { "dir", "string", help = "a folder to look in first" },
  }),
}

local function with_kind(o, kind, part)
  local recipe = { kind = kind, part = part }
  for key, value in pairs(o) do recipe[key] = value end
  return recipe
end

-- The set of one file; `o` is its recipe but for the kind. Where labels are
-- words, the recipe has them in the order of their numbers.
local function load(kind, o)
  local set, classes = core[kind](o)
  local recipe = with_kind(o, kind)
  recipe.classes = classes
  return data.with_recipe(set, recipe)
end

-- The test set's words have the training set's numbers.
local function check_classes(kind, o, pair)
  if (pair.train.classes == nil) ~= (pair.test.classes == nil) and pair.train.has_labels and pair.test.has_labels then
    sys.fail(("latent.data.%s: %s has labels that are words, %s numbers"):format(kind,
      pair.train.classes and o.train or o.test, pair.train.classes and o.test or o.train))
  end
end

-- One set from the option `single`, or a pair from train and test.
local function load_either(kind, single, o)
  local function of(path, labels, classes)
    local own = {}
    for key, value in pairs(o) do own[key] = value end
    own.train, own.test, own.train_labels, own.test_labels = nil, nil, nil, nil
    own[single] = path
    if labels ~= nil then own.labels = labels end
    own.classes = classes
    return load(kind, own)
  end
  if o[single] and not (o.train or o.test) then return of(o[single]) end
  if o[single] or not (o.train and o.test) then
    sys.fail(("latent.data.%s: wanted %s, or train and test"):format(kind, single))
  end
  local train = of(o.train, o.train_labels)
  local pair = { train = train, test = of(o.test, o.test_labels, train.classes) }
  data.same_shape("latent.data." .. kind, pair, o.train, o.test)
  check_classes(kind, o, pair)
  return pair
end

local names = {}

function names.npy(given)
  local o = specs.npy:read(given)
  if o.labels and not o.images then
    sys.fail("latent.data.npy: labels are those of images; wanted train_labels and test_labels")
  end
  if o.images and (o.train_labels or o.test_labels) then
    sys.fail("latent.data.npy: train_labels and test_labels are those of train and test; wanted labels")
  end
  return load_either("npy", "images", o)
end

function names.csv(given)
  local o = specs.csv:read(given)
  if o.shape then o.shape = data.read_shape("latent.data.csv", o.shape) end
  o.label_column = 0
  if math.type(o.label) == "integer" then
    if o.label == 0 or math.abs(o.label) > MOST then
      sys.fail("latent.data.csv: label: found 0, wanted a column from 1, or from -1, the last")
    end
    o.label, o.label_column = nil, o.label
  end
  return load_either("csv", "path", o)
end

function names.pictures(given)
  return load_either("pictures", "dir", specs.pictures:read(given))
end

function names.cifar10(given)
  local o = specs.cifar10:read(given or {})
  local train, test = core.cifar10(o, json.encode(with_kind(o, "cifar10")))
  return { train = data.with_recipe(train, with_kind(o, "cifar10", "train")),
    test = data.with_recipe(test, with_kind(o, "cifar10", "test")) }
end

local makers = {}
for _, kind in ipairs { "npy", "csv", "pictures" } do
  makers[kind] = function(recipe) return core[kind](recipe) end
end
function makers.cifar10(recipe) return names.cifar10({ dir = recipe.dir })[recipe.part] end

-- The names that labels 0, 1 ... stand for, or nil.
local fields = {}
function fields.classes(set)
  local recipe = set.recipe
  while recipe and not recipe.classes do recipe = recipe.of end
  return recipe and table.move(recipe.classes, 1, #recipe.classes, 1, {})
end

return { names = names, makers = makers, fields = fields }
