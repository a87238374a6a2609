-- Sets from NPY, CSV and picture files, and CIFAR-10. Run by
-- tests/test_script.c.
local latent = require "latent"
local data = latent.data

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern, 1, true), ("found %s, wanted %s"):format(message, pattern))
end

local folder <const> = os.tmpname()
os.remove(folder)

local function run(command, ...)
  assert(os.execute(command:format(...)))
end

local function write(name, content)
  local path = folder .. "/" .. name
  run("mkdir -p '%s'", path:match(".*/"))
  local file <close> = assert(io.open(path, "wb"))
  file:write(content)
  return path
end

local function values(set)
  return table.concat(set:rows(1, set.n), " ")
end

-- The set, its parts and views are made again from their recipes.
local function same_again(set)
  for _, s in ipairs { set, set:take(1), set:split { a = 1, seed = 3 }.a } do
    local again = data.from_recipe(s.recipe)
    assert(again:fingerprint() == s:fingerprint() and again.n == s.n)
  end
end

-- ---- NPY ----

local function npy(descr, fortran, shape, content)
  local head = ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"):format(descr, fortran, shape)
  return "\x93NUMPY\1\0" .. string.pack("<s2", head) .. content
end

local pictures = write("p.npy", npy("|u1", "False", "(2, 1, 3)", "\0\51\255\255\0\0"))
local labels = write("l.npy", npy("<i8", "False", "(2,)", string.pack("<i8i8", 9, 0)))
local floats = write("f.npy", npy("<f8", "True", "(2, 3)", string.pack("<dddddd", 1, 4, 2, 5, 3, 6)))
local gaps = write("g.npy", npy("<f4", "False", "(2, 1)", string.pack("<ff", 0 / 0, 2)))

local set = data.npy { images = pictures, labels = labels }
assert(set.n == 2 and table.concat(set.shape, "x") == "1x1x3")
assert(set:row(1)[1] == 0 and math.abs(set:row(1)[2] - 0.2) < 1e-6 and set:row(1)[3] == 1)
assert(set:label(1) == 9 and set:label(2) == 0)
same_again(set)
set = data.npy { images = floats }
assert(values(set) == "1.0 2.0 3.0 4.0 5.0 6.0" and #set.shape == 1)
same_again(set)
assert(data.npy { images = floats, limit = 1 }.n == 1)

local pair = data.npy { train = pictures, train_labels = labels, test = pictures, limit = 1 }
assert(pair.train.n == 1 and pair.train:label(1) == 9 and pair.test:label(1) == nil)
same_again(pair.train)
same_again(pair.test)

raises("example 1: found NaN", data.npy, { images = gaps })
set = data.npy { images = gaps, missing = true }
assert(set:row(1)[1] ~= set:row(1)[1] and set:row(2)[1] == 2)
same_again(set)
raises("latent.data.npy: wanted images, or train and test", data.npy, {})
raises("latent.data.npy: wanted images, or train and test", data.npy, { train = floats })
raises("latent.data.npy: wanted images, or train and test", data.npy, { images = floats, test = floats })
raises("wanted train_labels and test_labels", data.npy, { train = floats, test = floats, labels = labels })
raises("wanted labels", data.npy, { images = floats, test_labels = labels })
raises("f.npy: found labels of type 'f8', wanted integers", data.npy, { images = pictures, labels = floats })
raises("unknown option 'lables', did you mean 'labels'", data.npy, { images = floats, lables = labels })
raises("cannot open", data.npy, { images = "/nowhere.npy" })

-- ---- CSV ----

local csv = write("a.csv", "x,y,kind\n1,2.5,cat\n3,4,bird\n5,6,cat\n")
set = data.csv { path = csv, label = "kind" }
assert(values(set) == "1.0 2.5 3.0 4.0 5.0 6.0" and set.shape[1] == 2)
assert(table.concat(set:labels(), " ") == "1 0 1")
same_again(set)
set = data.csv { path = csv, label = -1, shape = { 1, 2, 1 } }
assert(table.concat(set.shape, "x") == "1x2x1" and set:label(2) == 0)
same_again(set)
pair = data.csv { train = csv, test = csv, label = 3, limit = 2 }
assert(pair.train.n == 2 and pair.test.n == 2 and pair.test:label(1) == 1)
same_again(pair.test)

-- The test set's words have the training set's numbers, though it lacks some.
local tested = write("test.csv", "x,y,kind\n7,8,cat\n")
pair = data.csv { train = csv, test = tested, label = "kind" }
assert(pair.test:label(1) == 1 and table.concat(pair.test.classes, " ") == "bird cat")
assert(pair.train:take(1).classes[2] == "cat" and data.npy({ images = floats }).classes == nil)
same_again(pair.train)
same_again(pair.test)
raises("test.csv:2:3: found 'ape', wanted one of the labels bird, cat", data.csv,
  { train = csv, test = write("test.csv", "x,y,kind\n7,8,ape\n"), label = 3 })
raises("test.csv has labels that are words, " .. write("n.csv", "1,2,0\n") .. " numbers", data.csv,
  { train = folder .. "/n.csv", test = tested, label = 3 })
raises("n.csv:1:3: found '0', wanted one of the labels", data.csv,
  { train = csv, test = folder .. "/n.csv", label = 3 })
raises("wide.csv: found examples of 3, wanted 2, as ", data.csv,
  { train = csv, test = write("wide.csv", "1,2,3,cat\n"), label = -1 })

local plain = write("b.csv", "0;1\n2;NA\n")
set = data.csv { path = plain, missing = true, separator = ";" }
assert(set.n == 2 and set:row(2)[2] ~= set:row(2)[2])
same_again(set)
assert(data.csv { path = plain, missing = true, header = true }.n == 1)
assert(data.csv { path = write("t.csv", "a;b\tc\n1\t2\n"), separator = "tab" }.n == 1)
raises("b.csv:2:2: found 'NA', wanted a number (missing = true", data.csv, { path = plain })
raises("a.csv:1:1: found 'x', wanted a number", data.csv, { path = csv, header = false })
raises("a.csv:2:3: found 'cat'", data.csv, { path = csv })
raises("found no column 'sort'", data.csv, { path = csv, label = "sort" })
raises("label: found 0", data.csv, { path = csv, label = 0 })
raises("label is 1.5, wanted an integer or a string", data.csv, { path = csv, label = 1.5 })
raises("separator is ':', wanted one of ',', ';'", data.csv, { path = csv, separator = ":" })
raises("wanted 4, as the shape has", data.csv, { path = csv, label = 3, shape = { 1, 2, 2 } })
raises("wanted { elements } or { channels, height, width }", data.csv, { path = csv, shape = { 1, 2 } })
raises("wanted { elements } or", data.csv, { path = csv, shape = { 65536, 65536, 65536 } })
raises("shape: found 'a', wanted sizes", data.csv, { path = csv, shape = { "a" } })
raises("latent.data.csv: wanted path, or train and test", data.csv, { test = csv })

-- ---- pictures ----

write("faces/b/2.pgm", "P5 2 1 255 \255\0")
write("faces/a/1.pgm", "P2 2 1 5 0 1")
write("faces/a/2.ppm", "P3 2 1 255 255 255 255 0 0 0")
set = data.pictures { dir = folder .. "/faces", labels = true, channels = 1 }
assert(set.n == 3 and table.concat(set.shape, "x") == "1x1x2")
assert(table.concat(set:labels(), " ") == "0 0 1")
assert(set:row(2)[1] == 1 and set:row(2)[2] == 0 and set:row(3)[1] == 1)
same_again(set)
set = data.pictures { dir = folder .. "/faces/a", channels = 3, limit = 1 }
assert(set.n == 1 and table.concat(set.shape, "x") == "3x1x2")
same_again(set)
pair = data.pictures { train = folder .. "/faces/a", test = folder .. "/faces/b", channels = 1 }
assert(pair.train.n == 2 and pair.test.n == 1 and not pair.test.has_labels)
same_again(pair.train)
pair = data.pictures { train = folder .. "/faces", test = folder .. "/faces", labels = true, channels = 1, limit = 1 }
assert(table.concat(pair.test.classes, " ") == "a b")
write("other/b/1.pgm", "P5 2 1 255 \7\7")
pair = data.pictures { train = folder .. "/faces", test = folder .. "/other", labels = true, channels = 1 }
assert(pair.test:label(1) == 1)
same_again(pair.test)
raises("found the sub-folder a, wanted one of the labels b", data.pictures,
  { train = folder .. "/other", test = folder .. "/faces", labels = true, channels = 1 })
raises("a/2.ppm: found a picture in colour, wanted grey", data.pictures, { dir = folder .. "/faces/a" })
raises("channels is 2, wanted one of '0', '1', '3'", data.pictures, { dir = folder, channels = 2 })
raises("found no pictures", data.pictures, { dir = folder })
raises("latent.data.pictures: wanted dir, or train and test", data.pictures, {})

-- ---- CIFAR-10 ----

for i = 1, 5 do write(("c/cifar10/data_batch_%d.bin"):format(i), string.char(i) .. ("\51"):rep(3072)) end
write("c/cifar10/test_batch.bin", ("\9" .. ("\255"):rep(3072)):rep(2))
pair = data.cifar10 { dir = folder .. "/c" }
assert(pair.train.n == 5 and pair.test.n == 2 and table.concat(pair.train.shape, "x") == "3x32x32")
assert(pair.train:label(3) == 3 and pair.test:row(2)[3072] == 1)
same_again(pair.train)
same_again(pair.test)
assert(type(data.has("cifar10")) == "boolean")
write("c/cifar10/test_batch.bin", "\10" .. ("\255"):rep(3072))
raises("test_batch.bin: offset 0: found label 10", data.cifar10, { dir = folder .. "/c/cifar10" })

-- ---- MNIST: all of it, or the first of each part ----

for part, n in pairs { train = 7, t10k = 4 } do
  local pixels, labels = {}, {}
  for i = 1, n do pixels[i], labels[i] = string.char(i):rep(28 * 28), string.char(i % 10) end
  write(("mnist/%s-images-idx3-ubyte"):format(part), string.pack(">I4I4I4I4", 0x803, n, 28, 28) .. table.concat(pixels))
  write(("mnist/%s-labels-idx1-ubyte"):format(part), string.pack(">I4I4", 0x801, n) .. table.concat(labels))
end
local digits = data.mnist { dir = folder }
local some = data.mnist { dir = folder, n_train = 3, n_test = 9 }
assert(digits.train.n == 7 and digits.test.n == 4)
assert(some.train.n == 3 and some.test.n == 4)
assert(values(some.train) == values(digits.train:take(3)) and some.train:label(3) == 3)
same_again(some.train)
raises("n_train is 0, wanted an integer of at least 1", data.mnist, { dir = folder, n_train = 0 })

run("rm -r '%s'", folder)

return latent.experiment {
  name = "files",
  config = { seed = 1 },
  run = function(r) r:log { ["some.metric"] = 1 } end,
}
