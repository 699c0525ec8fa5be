"""What each exercise asks: the lesson, the task, the skeleton, three hints by symptom. Standard library only."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Hint:
    """One hint: the symptom it is for, some words, and perhaps code with a blank, `____`."""

    title: str
    text: str
    code: str = ""

    def __repr__(self) -> str:
        code = "".join(f"\n    {line}" for line in self.code.splitlines())
        return f"{self.title}\n{self.text}{code}"

    def _repr_html_(self) -> str:
        code = f"<pre>{escape(self.code)}</pre>" if self.code else ""
        return f"<p><strong>{escape(self.title)}</strong></p><p>{escape(self.text)}</p>{code}"


@dataclass(frozen=True)
class Task:
    """One exercise as the learner sees it."""

    id: str
    lesson: int
    name: str  # what the learner's function or class is called
    task: str  # two sentences
    stub: str  # the skeleton cell
    hints: tuple[Hint, Hint, Hint]  # a question, then shapes or names, then a skeleton with a blank
    go_on: str  # what the learner can do with a right answer


def _hints(*hints: tuple[str, ...]) -> tuple[Hint, ...]:
    return tuple(Hint(*hint) for hint in hints)


TASKS = (
    Task("normalize", 2, "normalize",
         "Subtract the mean of all training pixels and divide by their standard deviation, in both parts. "
         "Give back (train, valid).",
         "def normalize(train, valid):\n"
         "    ...  # your code here: give back both parts, as (train, valid)\n",
         _hints(
             ("I do not know how to begin", "Which two numbers describe the training pixels, and what should they be "
              "afterwards? Write down how you would make the mean 0; then how you would make the spread 1."),
             ("The training part is right and the validation part is not", "train.mean() and train.std() give one "
              "number each. Compute both before you change anything, and use these same two for valid."),
             ("I need the shape of it", "Fill the blank; the second part goes the same way, with the same two numbers.",
              "mean, std = train.mean(), train.std()\nreturn (train - mean) / std, (valid - ____) / ____"),
         ),
         "Yours can stand wherever the lesson normalises two parts; `as_rows` does the same for bytes."),
    Task("l2_distance", 4, "l2_distance",
         "How far is each picture of `a`, (n, rows, columns), from the one picture `b`, (rows, columns)? "
         "Square the differences, take their mean in each picture, then the root.",
         "def l2_distance(a, b):\n"
         "    ...  # your code here: (n, rows, columns) and (rows, columns) to (n,)\n",
         _hints(
             ("I do not know how to begin", "L2 is also called root-mean-square. Read the three words from the last "
              "to the first: what is done first, what last?"),
             ("One number comes out, or far too many", "Each picture should be left with one number, so the mean runs "
              "over rows and columns only: mean(dim=(-2, -1)) takes it over the last two axes."),
             ("My numbers are those of L1", "The mean stands inside the root.",
              "squares = (a - b) ** 2\nreturn squares.____(dim=(-2, -1)).____()"),
         ),
         "Yours can be handed to `nearest_mean` as `distance=l2_distance`."),
    Task("my_linear", 6, "MyLinear",
         "Write `nn.Linear` yourself: a class on `nn.Module` that is made with `n_in` and `n_out` and computes "
         "x times weight plus bias. `parameters()` must find the weight and the bias.",
         "class MyLinear(nn.Module):\n"
         "    def __init__(self, n_in, n_out):\n"
         "        super().__init__()\n"
         "        ...  # your code here: a weight and a bias\n\n"
         "    def forward(self, x):\n"
         "        ...  # your code here: x times weight, plus bias\n",
         _hints(
             ("I do not know how to begin", "What does the layer have to remember from one call to the next? That "
              "belongs in `self`, in the constructor. What does it do with x? That belongs in `forward`."),
             ("It is not found, or the shapes do not fit", "Wrap what is to be trained: self.weight = nn.Parameter(...)"
              ". With a weight of shape (n_in, n_out), (batch, n_in) @ (n_in, n_out) is (batch, n_out)."),
             ("I need the shape of it", "One line is missing here, and the one that returns.",
              "self.weight = nn.Parameter(torch.randn(n_in, n_out) / n_in)\nself.bias = ____\n"
              "# in forward:\nreturn x @ self.weight + ____"),
         ),
         "Put it into a net: `nn.Sequential(MyLinear(784, 10), nn.LogSoftmax(dim=1))` can be trained as it is."),
    Task("softmax", 7, "softmax",
         "Turn each row of logits, (n, classes), into probabilities: e to the power of each, divided by the sum "
         "of the row. It must survive a logit of 1000.",
         "def softmax(x):\n"
         "    ...  # your code here: (n, classes) to (n, classes), each row sums to 1\n",
         _hints(
             ("I do not know how to begin", "Three verbs: exp, sum, divide. Which of them makes every number positive, "
              "and which makes a row sum to 1?"),
             ("A shape error, or rows that do not sum to 1", "The sum runs along a row, so dim=1 (or -1), and "
              "keepdim=True leaves it upright, (n, 1), to be divided by."),
             ("It says nan for large numbers", "exp(1000) is too large for any float. Take the largest logit of each "
              "row away first: the quotient stays the same.",
              "exps = (x - x.amax(dim=1, keepdim=____)).exp()\nreturn exps / exps.____"),
         ),
         "Use it instead of `softmax` from lessonlib.layers."),
    Task("cross_entropy", 8, "cross_entropy",
         "Logits (batch, classes) and targets (batch,) of class numbers go in. Out comes one number: the mean of "
         "minus the log-probability of the right class, finite even for a logit of 1000.",
         "def cross_entropy(logits, targets):\n"
         "    ...  # your code here: one number, the mean over the batch\n",
         _hints(
             ("I do not know how to begin", "Two steps that you know: log_softmax turns logits into log-probabilities; "
              "then one of them is picked from each row. Which one?"),
             ("It picks the wrong numbers", "log_probs[rows, targets] with rows = torch.arange(len(targets)) takes one "
              "number a row: row 0 with target 0, row 1 with target 1, and so on. Its shape is (batch,)."),
             ("It says inf or nan for large logits", "Do not take the log of softmax: log_softmax never makes a zero.",
              "log_probs = log_softmax(logits)\nrows = torch.arange(len(targets))\n"
              "return ____ log_probs[rows, ____].mean()"),
         ),
         "Hand it to `fit` as the loss of a model that ends in logits."),
    Task("binary_cross_entropy", 8, "binary_cross_entropy",
         "Given the probability of yes, and targets 1 (yes) or 0 (no), give the mean of -log(p) where the answer is "
         "yes and of -log(1 - p) where it is no.",
         "def binary_cross_entropy(probs, targets):\n"
         "    ...  # your code here: one number, the mean\n",
         _hints(
             ("I do not know how to begin", "What should be paid if the answer is yes and the model said 0.9? And if "
              "the answer is no? Write both for one example first."),
             ("Only some examples are right", "targets is 1 or 0, so `targets * something` switches something on, and "
              "`(1 - targets) * something` switches it on for the others. torch.where can choose as well."),
             ("I need the shape of it", "Both halves, added, negated, averaged.",
              "return -(targets * probs.log() + (1 - targets) * ____).____()"),
         ),
         "Try it on the cats and dogs of the lesson."),
    Task("batches", 9, "batches",
         "Give all rows of x and y once, in mini-batches of pairs (xb, yb), in an order drawn from `generator`. "
         "The last batch may be smaller.",
         "def batches(x, y, batch_size, generator):\n"
         "    ...  # your code here: yield pairs (xb, yb)\n",
         _hints(
             ("I do not know how to begin", "How would you shuffle two piles of cards so that the pairs stay together? "
              "Draw one order, and use it for both."),
             ("Rows are missing, or come twice", "torch.randperm(len(x), generator=generator) holds every row number "
              "once; order.split(batch_size) cuts it into pieces, of which the last may be short."),
             ("I need the shape of it", "The same rows from x and from y.",
              "order = torch.randperm(len(x), generator=generator)\nfor rows in order.split(batch_size):\n"
              "    yield x[rows], ____"),
         ),
         "Use it instead of `batches` from lessonlib.loaders."),
    Task("accuracy", 10, "accuracy",
         "The share of rows, from 0 to 1, whose largest score stands at the place of the target.",
         "def accuracy(logits, targets):\n"
         "    ...  # your code here: one number from 0 to 1\n",
         _hints(
             ("I do not know how to begin", "What is the answer of the model for one row? Then: how often is it the "
              "target?"),
             ("The shapes do not fit, or it is always 0", "logits.argmax(dim=1) gives the place of the largest number "
              "of each row, (batch,). (`max` gives the number itself.)"),
             ("It cannot take the mean of True and False", "Make floats of them first.",
              "answers = logits.argmax(dim=____)\nreturn (answers == targets).float().____()"),
         ),
         "Hand it to `fit` as `metrics=(accuracy,)`."),
    Task("train_epoch", 10, "train_epoch",
         "Go once over the batches: forward, loss, backward, step, and forget the gradients. "
         "Give back the list of losses.",
         "def train_epoch(model, batches, loss_func, opt):\n"
         "    ...  # your code here: give back the loss of each batch, in a list\n",
         _hints(
             ("I do not know how to begin", "What happens to one batch? Put five verbs in order: step, forward, "
              "forget, backward, measure."),
             ("It runs and learns nothing, or explodes", "loss.backward() adds to the gradients, opt.step() uses them, "
              "opt.zero_grad() forgets them. Each of them once a batch, with nothing between backward and step."),
             ("I need the shape of it", "Two lines are blank.",
              "losses = []\nfor xb, yb in batches:\n    loss = loss_func(model(xb), yb)\n    ____\n    opt.step()\n"
              "    ____\n    losses.append(loss.item())\nreturn losses"),
         ),
         "Train the model of the lesson with it: the losses are those of `train_epoch`."),
    Task("sgd", 11, "SGD",
         "Write the optimizer: `step` takes lr times the gradient away from each parameter, in place; `zero_grad` "
         "forgets all gradients.",
         "class SGD:\n"
         "    def __init__(self, params, lr):\n"
         "        ...  # your code here: keep both\n\n"
         "    def step(self):\n"
         "        ...  # your code here: change each parameter in place\n\n"
         "    def zero_grad(self):\n"
         "        ...  # your code here: forget the gradients\n",
         _hints(
             ("I do not know how to begin", "What must `step` know that it is not handed? That is what the constructor "
              "keeps. Which way does a gradient point, uphill or downhill?"),
             ("An error about a leaf, or nothing changes", "p -= ... changes p itself; p = p - ... makes a new tensor "
              "that nobody else sees. Within `with torch.no_grad():` PyTorch lets you change a parameter in place. "
              "params may be a generator, which is used up after one loop: keep list(params)."),
             ("I need the shape of it", "One blank in each method.",
              "self.params, self.lr = list(params), ____\n# step:\nwith torch.no_grad():\n    for p in self.params:\n"
              "        p -= ____ * p.grad\n# zero_grad:\nfor p in self.params:\n    p.grad = ____"),
         ),
         "Hand it to `fit` in place of torch.optim.SGD."),
    Task("momentum", 12, "SGD",
         "SGD that keeps a velocity for each parameter: velocity = momentum * velocity + gradient, starting from 0. "
         "`step` takes lr times the velocity away.",
         "class SGD:\n"
         "    def __init__(self, params, lr, momentum=0.0):\n"
         "        ...  # your code here\n\n"
         "    def step(self):\n"
         "        ...  # your code here\n\n"
         "    def zero_grad(self):\n"
         "        ...  # your code here\n",
         _hints(
             ("I do not know how to begin", "Plain SGD forgets each gradient. What has to be kept from one step to "
              "the next, and for how many parameters?"),
             ("It walks like plain SGD", "The velocity must be made once, in the constructor: one for each parameter, "
              "such as self.velocity = [torch.zeros_like(p) for p in self.params]; and written back in each step."),
             ("I need the shape of it", "The velocity is updated first, then used.",
              "for i, p in enumerate(self.params):\n    self.velocity[i] = self.momentum * ____ + p.grad\n"
              "    p -= self.lr * ____"),
         ),
         "Hand it to `fit`, with momentum=0.9."),
    Task("outer", 13, "outer",
         "From a of shape (n,) and b of shape (m,) make the table (n, m) of all products: row i, column j holds "
         "a[i] * b[j]. One broadcast, no loop, no torch.outer.",
         "def outer(a, b):\n"
         "    ...  # your code here: (n,) and (m,) to (n, m)\n",
         _hints(
             ("I do not know how to begin", "A multiplication table: a goes down the side, b along the top. Which of "
              "the two has to stand upright?"),
             ("The sizes do not match", "a[:, None] has the shape (n, 1), a column. A column (n, 1) and a row (m,) "
              "meet as (n, m)."),
             ("I need the shape of it", "One new axis is missing.", "return a[____] * b"),
         ),
         "Make an outer plus and an outer greater-than of it."),
    Task("matmul", 14, "matmul",
         "The matrix product of a (n, k) and b (k, m), by broadcasting and a sum. Without @, matmul, mm, dot, einsum "
         "or linear.",
         "def matmul(a, b):\n"
         "    ...  # your code here: (n, k) and (k, m) to (n, m)\n",
         _hints(
             ("I do not know how to begin", "Entry (i, j) is a row of a times a column of b, pair by pair, summed. "
              "Which three numbers i, k, j belong to each single product?"),
             ("The sizes do not match, or the sum is off", "a[:, :, None] has the shape (n, k, 1); with b, (k, m), it "
              "meets as (n, k, m). The axis that is summed is the one that both have: k."),
             ("I need the shape of it", "Over which axis?", "products = a[:, :, None] * b  # (n, k, m)\n"
              "return products.sum(dim=____)"),
         ),
         "Train the regression of the lesson with it, under the guard."),
    Task("linear_backward", 16, "linear_backward",
         "The layer computed out = x @ weight + bias, with a weight of shape (n_in, n_out). Given the gradient of the "
         "loss for out, give those for x, weight and bias, as (grad_x, grad_weight, grad_bias).",
         "def linear_backward(x, weight, bias, grad_out):\n"
         "    ...  # your code here: give back grad_x, grad_weight, grad_bias\n",
         _hints(
             ("I do not know how to begin", "Each gradient has the shape of the thing that it belongs to. Write down "
              "the three shapes, and that of grad_out: which products fit?"),
             ("The shapes do not fit", "x (batch, n_in), weight (n_in, n_out), grad_out (batch, n_out). grad_x must be "
              "(batch, n_in) and grad_weight (n_in, n_out): in each, one factor is transposed."),
             ("The bias is wrong", "The bias is added to every row, so it gathers the gradients of all rows.",
              "grad_x = grad_out @ weight.T\ngrad_weight = ____ @ grad_out\ngrad_bias = grad_out.sum(dim=____)"),
         ),
         "Use it in the backward pass of the lesson."),
    Task("softmax_nll_grad", 16, "softmax_nll_grad",
         "The loss is the mean cross-entropy of logits (batch, classes) and targets (batch,). Give its gradient for "
         "the logits, without autograd.",
         "def softmax_nll_grad(logits, targets):\n"
         "    ...  # your code here: (batch, classes)\n",
         _hints(
             ("I do not know how to begin", "What the model said minus what it should have said. What is the first, as "
              "a row of numbers? And the second?"),
             ("It is off by a factor", "The loss is a mean over the batch, so each row counts for 1 / len(targets)."),
             ("I need the shape of it", "The 1 is taken away at one place in each row.",
              "grad = softmax(logits)\nrows = torch.arange(len(targets))\ngrad[rows, ____] -= 1\nreturn grad / ____"),
         ),
         "Use it as the first step of the backward pass of the lesson."),
)

EXERCISES = {task.id: task for task in TASKS}


def stub(exercise_id: str) -> str:
    """The skeleton cell of an exercise."""
    return EXERCISES[exercise_id].stub
