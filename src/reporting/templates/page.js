document.querySelectorAll('th button').forEach(button => button.addEventListener('click', () => {
  const th = button.parentElement, body = th.closest('table').tBodies[0];
  const up = th.ariaSort ? th.ariaSort === 'descending' : th.dataset.first !== 'descending';
  th.parentElement.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));
  th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const value = row => row.cells[th.cellIndex].dataset.value;
  const empty = row => value(row) === '';
  [...body.rows].sort((a, b) => empty(a) - empty(b) || (up ? 1 : -1) * (th.dataset.first
    ? value(a) - value(b) : value(a).localeCompare(value(b)))).forEach(row => body.append(row));
}));
document.querySelectorAll('.legend button').forEach(button => button.addEventListener('click', () => {
  const section = button.closest('section'), on = button.ariaPressed !== 'true';
  button.setAttribute('aria-pressed', on);
  section.querySelectorAll(`.curve[data-row="${button.dataset.row}"]`).forEach(c => c.classList.toggle('lit', on));
  section.classList.toggle('dim', section.querySelector('.curve.lit') !== null);
}));
