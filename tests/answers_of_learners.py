"""Answers as learners of different skill write them: wrong ones with the code that they get, and right ones in unusual styles.

They were written without looking at what the check knows, and have stayed as they were written.
"""

WRONG = [
    ("softmax", "slip_keepdim", """
def my_softmax(x):
    m = x.max(dim=1).values
    e = torch.exp(x - m)
    return e / e.sum(dim=1)
"""),
    ("softmax", "slip_operator", """
def my_softmax(x):
    out = torch.zeros_like(x)
    for i in range(len(x)):
        row = x[i] / x[i].max()
        out[i] = row.exp() / row.exp().sum()
    return out
"""),
    ("softmax", "one_place", """
def my_softmax(x):
    e = 2.718 ** (x - x.max(dim=1, keepdim=True)[0])
    return e / e.sum(dim=1, keepdim=True)
"""),
    ("cross_entropy", "log_of_mean", """
def my_cross_entropy(logits, targets):
    probs = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -probs[range(len(targets)), targets].mean().log()
"""),
    ("cross_entropy", "log_base", """
def my_cross_entropy(logits, targets):
    loss = 0
    for i in range(len(targets)):
        p = torch.softmax(logits[i], dim=0)
        loss += -torch.log10(p[targets[i]])
    return loss / len(targets)
"""),
    ("nearest_neighbour", "one_place", """
def nearest_neighbour(test_images, images, labels):
    out = []
    for t in test_images:
        best = 0
        best_d = 1000
        for i, im in enumerate(images):
            d = ((im - t)**2).sum()
            if d < best_d:
                best = i
        out.append(labels[best])
    return torch.tensor(out)
"""),
    ("nearest_neighbour", "slip_exchanged", """
def nearest_neighbour(test_images, images, labels):
    d = ((test_images[:, None] - images[None]) ** 2).sum(dim=(2, 3)).sqrt()
    return labels[d.argmin(dim=0)]
"""),
    ("one_hot", "on_its_side", """
def my_one_hot(y, n_classes):
    return (y == torch.arange(n_classes)[:, None]).float()
"""),
    ("max_pool", "slip_layout", """
def max_pool(x):
    n, r, c = x.shape
    return x.reshape(n, r // 2, c // 2, 2, 2).amax(dim=(3, 4))
"""),
    ("max_pool", "slip_variable", """
def max_pool(x):
    return torch.maximum(x[:, ::2, ::2], x[:, 1::2, 1::2])
"""),
    ("max_pool", "one_place", """
def max_pool(x):
    n, rows, cols = x.shape
    out = torch.zeros(n, rows // 2, cols // 2)
    for i in range(rows // 2):
        for j in range(cols // 2):
            out[:, i, j] = x[:, i:i+2, j:j+2].amax(dim=(1, 2))
    return out
"""),
    ("max_pool", "one_place", """
def max_pool(x):
    n, rows, cols = x.shape
    out = torch.zeros(n, rows // 2, cols // 2)
    for i in range(0, rows, 2):
        for j in range(0, cols, 2):
            out[:, i // 2, j // 2] = x[:, i:i+2, j:j+2].max()
    return out
"""),
    ("count_confusions", "counted_once", """
def my_confusion(targets, predictions, n_classes):
    table = torch.zeros(n_classes, n_classes, dtype=torch.int64)
    table[targets, predictions] += 1
    return table
"""),
    ("count_confusions", "one_place", """
def my_confusion(targets, predictions, n_classes):
    table = torch.zeros(n_classes, n_classes, dtype=torch.int64)
    for i in range(n_classes):
        for j in range(n_classes):
            table[i, j] = (targets == i).sum() + (predictions == j).sum()
    return table
"""),
    ("patience", "epoch_before", """
def epochs_until_stop(valid_losses, patience):
    waited = 0
    for i in range(1, len(valid_losses)):
        if valid_losses[i] > valid_losses[i - 1]:
            waited += 1
        else:
            waited = 0
        if waited == patience:
            return i + 1
    return len(valid_losses)
"""),
    ("patience", "from_zero", """
def epochs_until_stop(valid_losses, patience):
    best = valid_losses[0]
    count = 0
    for i, loss in enumerate(valid_losses):
        if loss < best:
            best = loss
            count = 0
        else:
            count += 1
        if count == patience:
            return i
    return len(valid_losses)
"""),
    ("patience", "slip_off_by_one", """
def epochs_until_stop(valid_losses, patience):
    best = valid_losses[0]
    bad = 0
    for epoch, loss in enumerate(valid_losses, 1):
        if loss < best:
            best = loss
        else:
            bad += 1
        if bad >= patience:
            return epoch
    return epoch
"""),
    ("smooth_losses", "slip_start", """
def smooth_losses(losses, keep):
    m = losses[0]
    out = []
    for i, l in enumerate(losses):
        m = keep * m + (1 - keep) * l
        out.append(m / (1 - keep ** (i + 1)))
    return out
"""),
    ("smooth_losses", "slip_left_out", """
def smooth_losses(losses, keep):
    out = []
    for step in range(1, len(losses) + 1):
        m = sum(losses[:step]) / step
        out.append(m)
    return out
"""),
    ("best_border", "place_of_row", """
def my_border(y):
    costs = []
    for i in range(1, len(y)):
        left, right = y[:i], y[i:]
        costs.append(((left - left.mean())**2).sum() + ((right - right.mean())**2).sum())
    return int(torch.tensor(costs).argmin())
"""),
    ("top_two_accuracy", "halved", """
def top_two_accuracy(scores, targets):
    best = scores.topk(2, dim=1).indices
    return (best == targets[:, None]).float().mean()
"""),
    ("top_two_accuracy", "one_place", """
def top_two_accuracy(scores, targets):
    hits = 0
    for row, t in zip(scores, targets):
        first = row.argmax()
        row[first] = 0
        second = row.argmax()
        if t == first or t == second:
            hits += 1
    return hits / len(targets)
"""),
    ("batch_norm", "slip_axis", """
def my_batch_norm(x, scale, shift):
    mean = x.mean(dim=1, keepdim=True)
    var = ((x - mean) ** 2).mean(dim=1, keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt() * scale[:, None, None] + shift[:, None, None]
"""),
    ("batch_norm", "nearly", """
def my_batch_norm(x, scale, shift):
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    std = x.std(dim=(0, 2, 3), keepdim=True)
    return (x - mean) / (std + 1e-5) * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)
"""),
    ("batch_norm", "slip_variable", """
def my_batch_norm(x, scale, shift):
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    var = (x ** 2).mean(dim=(0, 2, 3), keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt() * scale[None, :, None, None] + shift[None, :, None, None]
"""),
    ("momentum", "dampened", """
class MySGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params = list(params)
        self.lr = lr
        self.momentum = momentum
        self.v = [torch.zeros_like(p) for p in self.params]

    def step(self):
        with torch.no_grad():
            for i, p in enumerate(self.params):
                self.v[i] = self.momentum * self.v[i] + (1 - self.momentum) * p.grad
                p -= self.lr * self.v[i]

    def zero_grad(self):
        for p in self.params:
            p.grad.zero_()
"""),
    ("my_linear", "plain_tensor", """
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = torch.randn(n_in, n_out, requires_grad=True)
        self.bias = torch.zeros(n_out, requires_grad=True)

    def forward(self, x):
        return x @ self.weight + self.bias
"""),
    ("train_epoch", "once", """
def my_train_epoch(model, batches, loss_func, opt):
    losses = []
    for x, y in batches:
        pred = model(x)
        loss = loss_func(pred, y)
        losses.append(loss)
    sum(losses).backward()
    opt.step()
    opt.zero_grad()
    return [l.item() for l in losses]
"""),
    ("linear_backward", "weight_divided_by_n", """
def my_linear_backward(x, weight, bias, grad_out):
    grad_bias = grad_out.sum()
    grad_weight = x.T @ grad_out / len(x)
    grad_x = grad_out @ weight.T
    return grad_x, grad_weight, grad_bias
"""),
    ("split_rows", "slip_comparison", """
def split_rows(n, size):
    out = []
    for i in range(size):
        if i <= n % size:
            out.append(n // size + 1)
        else:
            out.append(n // size)
    return out
"""),
    ("ink_box", "turned", """
def ink_box(image):
    rows = image.sum(dim=0).nonzero()
    cols = image.sum(dim=1).nonzero()
    return rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
"""),
    ("triangle", "slip_left_out", """
def triangle(step, n_steps, low, high):
    half = n_steps / 2
    if step < half:
        return low + (high - low) * step / half
    else:
        return high - (high - low) * (step - half) / half
"""),
    ("cut_to_length", "each_number", """
def cut_to_length(grad, longest):
    return grad.clamp(-longest, longest)
"""),
    ("batches", "last_dropped", """
def my_batches(x, y, batch_size, generator):
    n = len(x) // batch_size
    order = torch.randperm(len(x), generator=generator)
    for i in range(n):
        idx = order[i*batch_size:(i+1)*batch_size]
        yield x[idx], y[idx]
"""),
    ("prototypes", "slip_left_out", """
def prototypes(features, labels, new):
    means = []
    for c in labels:
        means.append(features[labels == c].mean(dim=0))
    means = torch.stack(means)
    d = ((new[:, None] - means[None]) ** 2).sum(dim=2)
    return d.argmin(dim=1)
"""),
    ("prototypes", "slip_order", """
def prototypes(features, labels, new):
    means = torch.stack([features[labels == c].mean() for c in range(3)])
    d = ((new[:, None] - means[:, None]) ** 2).sum(dim=2)
    return d.argmin(dim=1)
"""),
    ("vote", "slip_reduction", """
def vote(answers, n_classes):
    out = []
    for row in answers.T:
        counts = torch.bincount(row)
        out.append(counts.max())
    return torch.stack(out)
"""),
    ("split_off", "wrong_cut", """
def split_off(x, n_valid):
    return x[:n_valid], x[n_valid:]
"""),
    ("label_rows", "other_order", """
def label_rows(files):
    rows = []
    for f in sorted(files):
        _, label, name = f.split("/")
        rows.append((int(name.split(".")[0]), int(label)))
    return rows
"""),
    ("read_labels", "count_ignored", """
def read_labels(content):
    return [int(b) for b in content[8:]]
"""),
    ("to_rows", "other_order", """
def to_rows(images):
    n, h, w = images.shape
    return images.reshape(h * w, n).T.float() / 255
"""),
    ("to_bytes", "order", """
def to_bytes(rows, mean, std):
    x = (rows + mean) * std
    return (x * 255).round().to(torch.uint8).reshape(-1, 28, 28)
"""),
    ("lay_out", "scrambled", """
def lay_out(images, columns):
    n, h, w = images.shape
    rows = n // columns
    return images.reshape(rows, columns, h, w).permute(0, 1, 2, 3).reshape(rows * h, columns * w)
"""),
    ("lay_out", "other_shape", """
def lay_out(images, columns):
    n, h, w = images.shape
    strips = []
    for i in range(columns):
        strips.append(torch.cat(list(images[i::columns]), dim=1))
    return torch.cat(strips, dim=0)
"""),
    ("apply_linear", "slip_bracket", """
def apply_linear(x, weight, bias):
    out = torch.zeros(len(x), len(weight))
    for i in range(len(x)):
        for j in range(len(weight)):
            out[i, j] = (x[i] * weight[j] + bias[j]).sum()
    return out
"""),
    ("my_chain", "always_x", """
def my_chain(layers, x):
    for layer in layers:
        out = layer(x)
    return out
"""),
    ("hat", "flat_top", """
def hat(x):
    return torch.relu(x + 1) - torch.relu(x) - torch.relu(x - 1)
"""),
    ("mse", "slip_left_out", """
def my_mse(outputs, targets):
    err = 0
    for o, t in zip(outputs, targets):
        err = (o - t) ** 2
    return err / len(outputs)
"""),
    ("costly_misses", "one_place", """
def costly_misses(probs, targets):
    loss = -(10 * targets * probs.log() + (1 - targets) * (1 - probs).log())
    return loss.sum() / (10 * targets.sum() + (1 - targets).sum())
"""),
    ("smooth_loss", "slip_left_out", """
def smooth_loss(log_probs, targets):
    n, k = log_probs.shape
    soft = torch.full((n, k), 0.1 / (k - 1))
    soft[:, targets] = 0.9
    return -(soft * log_probs).sum() / n
"""),
    ("handfuls", "one_place", """
def handfuls(order, size):
    out = []
    hand = []
    for i in order:
        if len(hand) == size:
            out.append(hand)
            hand.clear()
        hand.append(i)
    out.append(hand)
    return out
"""),
    ("in_batches", "order_ignored", """
def in_batches(examples, order, batch_size):
    batches = []
    for i in range(0, len(order), batch_size):
        batches.append(examples[i:i + batch_size])
    return batches
"""),
    ("class_accuracy", "one_place", """
def class_accuracy(logits, targets):
    guess = logits.argmax(dim=1)
    out = []
    for c in range(logits.shape[1]):
        out.append((guess[targets == c] == targets).float().mean())
    return torch.stack(out)
"""),
    ("epoch_mean", "by_batches", """
def epoch_mean(values, sizes):
    total = 0
    for v, s in zip(values, sizes):
        total += v * s
    return total / len(sizes)
"""),
    ("adam_step", "divided_kept", """
def my_adam_step(w, grad, mean, square, n, lr):
    mean = 0.9 * mean + 0.1 * grad
    square = 0.999 * square + 0.001 * grad ** 2
    mean = mean / (1 - 0.9 ** n)
    square = square / (1 - 0.999 ** n)
    return w - lr * mean / (square.sqrt() + 1e-8), mean, square
"""),
    ("adam_step", "slip_operator", """
def my_adam_step(w, grad, mean, square, n, lr):
    mean = 0.9 * mean + 0.1 * grad
    square = 0.999 * square + 0.001 * grad ** 2
    m = mean / (1 - 0.9 * n)
    s = square / (1 - 0.999 * n)
    return w - lr * m / (s.sqrt() + 1e-8), mean, square
"""),
    ("nudge", "not_halved", """
def my_nudge(f, x, h):
    return (f(x + h) - f(x - h)) / h
"""),
    ("max_backward", "slip_left_out", """
def max_backward(x, grad):
    out = torch.zeros_like(x)
    out[:, x.argmax(dim=1)] = grad
    return out
"""),
    ("list_softmax", "slip_left_out", """
def list_softmax(row):
    biggest = max(row)
    total = sum(math.exp(v) for v in row)
    return [math.exp(v - biggest) / total for v in row]
"""),
    ("list_hidden", "one_place", """
def list_hidden(x, weight, bias):
    out = []
    for j in range(len(bias)):
        s = bias[j]
        for k in range(len(x)):
            s += x[k] * weight[k][j]
            if s < 0:
                s = 0
        out.append(s)
    return out
"""),
    ("clear_winner", "never_one", """
def clear_winner(losses):
    means = losses.mean(dim=1)
    order = means.argsort()
    lead = means[order[1]] - means[order[0]]
    spread = losses.max() - losses.min()
    return int(order[0]) if lead > spread else -1
"""),
    ("block_sums", "one_place", """
def block_sums(pixels, size):
    n = 28 // size
    out = torch.zeros(n, n)
    for i in range(n):
        for j in range(n):
            out[i, j] = pixels[i:i + size, j:j + size].sum()
    return out
"""),
    ("residual", "relu_before_sum", """
def residual(x, weight1, weight2):
    h = torch.relu(x @ weight1)
    return torch.relu(h @ weight2) + x
"""),
    ("slide_kernel", "slip_off_by_one", """
def slide_kernel(image, kernel):
    r, c = image.shape
    out = torch.zeros(r - 2, c - 2)
    for i in range(r - 2):
        for j in range(c - 2):
            out[i, j] = (image[i:i + 2, j:j + 2] * kernel[:2, :2]).sum()
    return out
"""),
    ("few_of_each", "slip_left_out", """
def few_of_each(labels, k):
    rows = []
    for c in labels.unique():
        rows += (labels == c).nonzero()[:k].tolist()
    return torch.tensor(rows)
"""),
    ("average_gradients", "by_processes", """
def average_gradients(grads, n_rows):
    total = 0
    for g, n in zip(grads, n_rows):
        total = total + g * n
    return total / len(grads)
"""),
    ("sgd", "used_up", """
class MySGD:
    def __init__(self, params, lr):
        self.params = params
        self.lr = lr

    def step(self):
        with torch.no_grad():
            for p in self.params:
                p -= self.lr * p.grad

    def zero_grad(self):
        for p in self.params:
            p.grad = None
"""),
    ("network_backward", "slip_variable", """
from lessonlib.gradients import linear_backward, relu_backward
def my_network_backward(x, weight1, bias1, weight2, bias2, grad_logits):
    hidden = x @ weight1 + bias1
    active = hidden.clamp_min(0)
    grad_active, grad_w2, grad_b2 = linear_backward(active, weight2, bias2, grad_logits)
    grad_hidden = relu_backward(active, grad_active)
    _, grad_w1, grad_b1 = linear_backward(hidden, weight1, bias1, grad_hidden)
    return grad_w1, grad_b1, grad_w2, grad_b2
"""),
]

RIGHT = [
    ("softmax", """
def my_softmax(x):
    return torch.stack([torch.exp(row - max(row)) / sum(torch.exp(row - max(row))) for row in x])
"""),
    ("softmax", """
def my_softmax(x):
    x = x.T
    x = x - x.max(0)[0]
    e = torch.e ** x
    return (e / e.sum(0)).T
"""),
    ("cross_entropy", """
def my_cross_entropy(logits, targets):
    picked = logits.gather(1, targets.unsqueeze(1)).squeeze(1)
    return (torch.logsumexp(logits, 1) - picked).sum() / targets.shape[0]
"""),
    ("cross_entropy", """
def my_cross_entropy(logits, targets):
    total = 0
    for row, t in zip(logits, targets):
        row = row - row.max()
        total = total - (row[t] - torch.log(torch.sum(torch.exp(row))))
    return total / len(logits)
"""),
    ("nearest_neighbour", """
def nearest_neighbour(test_images, images, labels):
    a = test_images.flatten(1)
    b = images.flatten(1)
    return labels[torch.cdist(a, b).min(dim=1).indices]
"""),
    ("nearest_neighbour", """
def nearest_neighbour(test_images, images, labels):
    a = test_images.reshape(len(test_images), -1)
    b = images.reshape(len(images), -1)
    d = (a ** 2).sum(1)[:, None] + (b ** 2).sum(1)[None] - 2 * a @ b.T
    return torch.tensor([labels[i].item() for i in d.argmin(1)])
"""),
    ("one_hot", """
def my_one_hot(y, n_classes):
    return torch.eq(torch.arange(n_classes).expand(len(y), n_classes), y.unsqueeze(-1)).to(torch.float32)
"""),
    ("max_pool", """
def max_pool(x):
    a, b, c, d = x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]
    return torch.stack([a, b, c, d]).max(dim=0).values
"""),
    ("max_pool", """
def max_pool(x):
    return x.unfold(1, 2, 2).unfold(2, 2, 2).flatten(3).max(-1)[0]
"""),
    ("count_confusions", """
def my_confusion(targets, predictions, n_classes):
    import collections
    c = collections.Counter(zip(targets.tolist(), predictions.tolist()))
    return torch.tensor([[c[i, j] for j in range(n_classes)] for i in range(n_classes)])
"""),
    ("count_confusions", """
def my_confusion(targets, predictions, n_classes):
    t = torch.eye(n_classes)[targets]
    p = torch.eye(n_classes)[predictions]
    return (t.T @ p).long()
"""),
    ("patience", """
def epochs_until_stop(valid_losses, patience):
    for e in range(1, len(valid_losses) + 1):
        if e > patience and min(valid_losses[:e - patience]) <= min(valid_losses[e - patience:e]):
            return e
    return len(valid_losses)
"""),
    ("smooth_losses", """
def smooth_losses(losses, keep):
    def total(t):
        return (1 - keep) * sum(keep ** (t - i) * losses[i] for i in range(t + 1))
    return [total(t) / (1 - keep ** (t + 1)) for t in range(len(losses))]
"""),
    ("best_border", """
def my_border(y):
    def spread(part):
        return sum((v - sum(part) / len(part)) ** 2 for v in part)
    y = y.tolist()
    return min(range(1, len(y)), key=lambda i: spread(y[:i]) + spread(y[i:]))
"""),
    ("top_two_accuracy", """
def top_two_accuracy(scores, targets):
    own = scores[torch.arange(len(scores)), targets]
    rank = (scores > own.unsqueeze(1)).sum(1)
    return (rank < 2).double().mean()
"""),
    ("batch_norm", """
def my_batch_norm(x, scale, shift):
    c = x.shape[1]
    flat = x.transpose(0, 1).reshape(c, -1)
    m = flat.mean(1)
    v = (flat ** 2).mean(1) - m ** 2
    a = scale / torch.sqrt(v + 1e-5)
    return x * a.view(1, c, 1, 1) + (shift - m * a).view(1, c, 1, 1)
"""),
    ("momentum", """
class MySGD:
    def __init__(self, params, lr, momentum=0.0):
        self.lr, self.mu = lr, momentum
        self.state = {p: torch.zeros(p.shape) for p in params}

    def step(self):
        for p, v in self.state.items():
            v.mul_(self.mu).add_(p.grad)
            p.data.sub_(v, alpha=self.lr)

    def zero_grad(self):
        for p in self.state:
            if p.grad is not None:
                p.grad.fill_(0)
"""),
    ("my_linear", """
class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        nn.Module.__init__(self)
        self.w = nn.Parameter(torch.empty(n_out, n_in).uniform_(-1, 1))
        self.b = nn.Parameter(torch.zeros(1, n_out))

    def forward(self, inputs):
        return torch.addmm(self.b, inputs, self.w.t())
"""),
    ("train_epoch", """
def my_train_epoch(model, batches, loss_func, opt):
    def one(batch):
        opt.zero_grad()
        loss = loss_func(model(batch[0]), batch[1])
        loss.backward()
        opt.step()
        return float(loss)
    return list(map(one, batches))
"""),
    ("linear_backward", """
def my_linear_backward(x, weight, bias, grad_out):
    gx = torch.einsum("no,io->ni", grad_out, weight)
    gw = torch.einsum("ni,no->io", x, grad_out)
    return [gx, gw, torch.ones(len(x)) @ grad_out]
"""),
    ("split_rows", """
def split_rows(n, size):
    rows = [0] * size
    for i in range(n):
        rows[i % size] += 1
    return rows
"""),
    ("ink_box", """
def ink_box(image):
    ys, xs = torch.nonzero(image, as_tuple=True)
    return int(min(ys)), int(max(ys)) + 1, int(min(xs)), int(max(xs)) + 1
"""),
    ("triangle", """
def triangle(step, n_steps, low, high):
    middle = n_steps // 2
    up = torch.linspace(low, high, middle + 1)
    rates = torch.cat([up, up.flip(0)[1:]])
    return rates[step].item()
"""),
    ("cut_to_length", """
def cut_to_length(grad, longest):
    return grad * min(1, longest / (grad.norm().item() + 1e-12))
"""),
    ("vote", """
def vote(answers, n_classes):
    return torch.tensor([max(range(n_classes), key=lambda c: (column == c).sum().item()) for column in answers.unbind(1)])
"""),
    ("split_off", """
def split_off(x, n_valid):
    cut = x.shape[0] - n_valid
    return torch.split(x, [cut, n_valid])
"""),
    ("label_rows", """
def label_rows(files):
    import re
    found = {}
    for f in files:
        m = re.search(r"(\\d+)/(\\d+)[.]\\w+$", f)
        found[int(m[2])] = int(m[1])
    return sorted(found.items())
"""),
    ("read_labels", """
def read_labels(content):
    n = 0
    for byte in content[4:8]:
        n = n * 256 + byte
    labels = []
    for i in range(n):
        labels += [content[8 + i]]
    return labels
"""),
    ("normalize", """
def normalize(train, valid):
    m, n = train.sum() / train.numel(), train.numel()
    s = (((train - m) ** 2).sum() / (n - 1)) ** 0.5
    f = lambda t: t.sub(m).div(s)
    return f(train), f(valid)
"""),
    ("to_rows", """
def to_rows(images):
    return torch.stack([torch.cat([row for row in im]) for im in images]) / 255.0
"""),
    ("lay_out", """
def lay_out(images, columns):
    return torch.cat([torch.cat(tuple(row), 1) for row in images.split(columns)])
"""),
    ("apply_linear", """
def apply_linear(x, weight, bias):
    return torch.einsum("bi,oi->bo", x, weight).add(bias)
"""),
    ("leaky_relu", """
def my_leaky_relu(x):
    return torch.maximum(x, x / 10)
"""),
    ("my_chain", """
def my_chain(layers, x):
    return x if not layers else my_chain(layers[1:], layers[0](x))
"""),
    ("mse", """
def my_mse(outputs, targets):
    d = outputs - targets
    return d @ d / d.numel()
"""),
    ("smooth_loss", """
def smooth_loss(log_probs, targets):
    n, k = log_probs.shape
    right = log_probs.gather(1, targets[:, None])[:, 0]
    rest = log_probs.sum(1) - right
    return -(0.9 * right + 0.1 / (k - 1) * rest).mean()
"""),
    ("handfuls", """
def handfuls(order, size):
    from itertools import islice
    order = iter(order)
    return list(iter(lambda: list(islice(order, size)), []))
"""),
    ("in_batches", """
def in_batches(examples, order, batch_size):
    out = []
    for n, i in enumerate(order):
        if n % batch_size == 0:
            out.append([])
        out[-1].append(examples[i])
    return out
"""),
    ("class_accuracy", """
def class_accuracy(logits, targets):
    k = logits.shape[1]
    hit = logits.argmax(1) == targets
    return torch.bincount(targets, weights=hit.double(), minlength=k) / torch.bincount(targets, minlength=k)
"""),
    ("walk_down", """
def walk_down(start, lr, n_steps):
    return [start * (1 - 2 * lr) ** i for i in range(n_steps + 1)]
"""),
    ("adam_step", """
def my_adam_step(w, grad, mean, square, n, lr):
    mean = mean + (grad - mean) * 0.1
    square = square + (grad * grad - square) * 0.001
    return w - lr * (mean / (1 - 0.9 ** n)) / ((square / (1 - 0.999 ** n)) ** 0.5 + 1e-8), mean, square
"""),
    ("cosine_lr", """
def cosine_lr(step, n_steps, high, low):
    return low + (high - low) * math.cos(math.pi * step / (2 * n_steps)) ** 2
"""),
    ("max_backward", """
def max_backward(x, grad):
    return (x == x.max(dim=1, keepdim=True).values) * grad[:, None]
"""),
    ("block_sums", """
def block_sums(pixels, size):
    rows = pixels.split(size)
    return torch.tensor([[block.sum() for block in row.split(size, dim=1)] for row in rows])
"""),
    ("gini", """
def gini(labels, n_classes):
    same = (labels[:, None] == labels[None, :]).double().mean()
    return 1 - same
"""),
    ("ring_step", """
def ring_step(chunks, step):
    n = chunks.shape[0]
    def new(i, c):
        return chunks[i, c] + (chunks[i - 1, c] if (i - 1 - step) % n == c else 0)
    return torch.stack([torch.stack([new(i, c) for c in range(n)]) for i in range(n)])
"""),
    ("sgd", """
class MySGD:
    def __init__(self, params, lr):
        self.state = [(p, lr) for p in params]

    def step(self):
        for p, lr in self.state:
            p.data.add_(p.grad, alpha=-lr)

    def zero_grad(self):
        for p, _ in self.state:
            p.grad.zero_()
"""),
]
