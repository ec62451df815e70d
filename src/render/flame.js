// SPDX-License-Identifier: Apache-2.0
//
// flame.js - zoom, search and keyboard for the flame graph that holds it. All names are read from the document and
// written back as text nodes. What is shown is kept in the address (#zoom=12&search=hash), so that it can be shared.
'use strict';
(() => {
const SVG = 'http://www.w3.org/2000/svg';
const XHTML = 'http://www.w3.org/1999/xhtml';
const COLUMN = 7.21; // pixels of a monospaced character, as in flame_svg.c
const NARROWEST = 0.3; // pixels below which a frame is hidden

const flame = document.getElementById('flame');
const details = document.getElementById('details');
const margin = Number(flame.dataset.margin);

// In document order: parents before children, the root first.
const frames = Array.from(document.getElementById('frames').children, (element) => {
	const [name, place, figures] = element.querySelector('title').textContent.split('\n');
	const begin = Number(element.dataset.b);
	return {element, name, place, figures, begin, end: begin + Number(element.dataset.t),
		y: Number(element.getAttribute('y')), row: element.querySelector('rect'), text: element.querySelector('text')};
});
const root = frames[0];
let zoomed = root;
let focused = null;
let sought = '';

const holds = (outer, inner) => outer.begin <= inner.begin && inner.end <= outer.end;
const isAbove = (frame, other) => frame.y > other.y && holds(frame, other); // nearer to the root

function label(frame, width) {
	const columns = Math.floor((width - 6) / COLUMN);
	if (columns < 3)
		return '';
	const file = frame.place.slice(frame.place.lastIndexOf('/') + 1);
	if (/:\d+$/.test(file) && frame.name.length + 2 + file.length <= columns)
		return `${frame.name}  ${file}`;
	return frame.name.length <= columns ? frame.name : `${frame.name.slice(0, columns - 1)}…`;
}

function place(frame, x, width) {
	const {element} = frame;
	element.style.display = '';
	element.setAttribute('x', x.toFixed(2));
	element.setAttribute('width', width.toFixed(2));
	const text = label(frame, width);
	if (text && !frame.text) {
		frame.text = document.createElementNS(SVG, 'text');
		frame.text.setAttribute('x', '3');
		frame.text.setAttribute('y', '13');
		element.append(frame.text);
	}
	if (frame.text)
		frame.text.textContent = text;
}

function draw() {
	const width = Math.max(320, document.documentElement.clientWidth || window.innerWidth);
	const room = width - 2 * margin;
	const scale = room / (zoomed.end - zoomed.begin);

	flame.removeAttribute('viewBox');
	flame.setAttribute('width', width);
	for (const frame of frames) {
		const above = isAbove(frame, zoomed);
		const pixels = above ? room : (frame.end - frame.begin) * scale;

		frame.element.classList.toggle('above', above);
		if (above || (frame.y <= zoomed.y && holds(zoomed, frame) && pixels >= NARROWEST))
			place(frame, above ? margin : margin + (frame.begin - zoomed.begin) * scale, pixels);
		else
			frame.element.style.display = 'none';
	}
	tools.setAttribute('x', width - 480 - margin);
}

// Frames match by name or place. A match within a match counts once.
function search() {
	const words = sought.toLowerCase();
	let sum = 0, reached = -1;
	const matches = frames.filter((frame) => {
		const matched = words !== '' && frame !== root && `${frame.name}\n${frame.place}`.toLowerCase().includes(words);
		frame.element.classList.toggle('match', matched);
		return matched;
	});
	for (const {begin, end} of matches.sort((a, b) => a.begin - b.begin || b.end - a.end)) {
		sum += Math.max(0, end - Math.max(begin, reached));
		reached = Math.max(reached, end);
	}
	result.textContent = words === '' ? '' : `Matched: ${(100 * sum / (root.end - root.begin)).toFixed(1)} %`;
}

function describe(frame) {
	details.textContent = frame ? [frame.name, frame.place, frame.figures].filter(Boolean).join('   ') : '';
}

function focus(frame) {
	focused?.element.classList.remove('focus');
	focused = frame;
	focused?.element.classList.add('focus');
	describe(frame);
}

function remember() {
	const state = new URLSearchParams();
	if (zoomed !== root)
		state.set('zoom', frames.indexOf(zoomed));
	if (sought)
		state.set('search', sought);
	const hash = `#${state}`;
	if (hash !== (location.hash || '#'))
		history.replaceState(null, '', hash);
}

function recall() {
	const state = new URLSearchParams(location.hash.slice(1));
	zoomed = frames[Number(state.get('zoom'))] ?? root;
	sought = state.get('search') ?? '';
	field.value = sought;
	draw();
	search();
}

function zoom(frame) {
	zoomed = frame;
	draw();
	remember();
}

function seek(text) {
	sought = text;
	search();
	remember();
}

function reset() {
	field.value = '';
	focus(null);
	seek('');
	zoom(root);
}

// The neighbour of a frame in a direction, among those that are drawn.
function neighbour(frame, key) {
	const drawn = frames.filter((other) => other.element.style.display !== 'none');
	const row = (y) => drawn.filter((other) => other.y === y).sort((a, b) => a.begin - b.begin);
	const step = Number(flame.dataset.row);

	if (key === 'ArrowUp')
		return row(frame.y - step).find((other) => holds(frame, other));
	if (key === 'ArrowDown')
		return row(frame.y + step).find((other) => holds(other, frame));
	const beside = row(frame.y);
	return beside[beside.indexOf(frame) + (key === 'ArrowLeft' ? -1 : 1)];
}

function press(event) {
	if (event.ctrlKey || event.metaKey || event.altKey)
		return;
	if (event.target === field) {
		if (event.key === 'Escape')
			field.blur();
		return;
	}
	if (event.key.startsWith('Arrow')) {
		focus(focused ? neighbour(focused, event.key) ?? focused : zoomed);
		focused.element.scrollIntoView({block: 'nearest'});
	} else if (event.key === 'Enter' && focused && event.target.localName !== 'button') {
		zoom(focused);
	} else if (event.key === 'Escape') {
		reset();
	} else if (event.key === '/') {
		field.focus();
	} else {
		return;
	}
	event.preventDefault();
}

function make(name, attributes, ...children) {
	const element = document.createElementNS(XHTML, name);
	for (const [key, value] of Object.entries(attributes))
		element.setAttribute(key, value);
	element.append(...children);
	return element;
}

const result = make('output', {id: 'result', 'aria-live': 'polite'});
const field = make('input', {id: 'field', type: 'search', placeholder: 'Search   /', 'aria-label': 'Search names and files'});
const button = make('button', {type: 'button', id: 'reset', title: 'Escape'}, 'Reset');
const tools = document.createElementNS(SVG, 'foreignObject');
tools.setAttribute('y', '56');
tools.setAttribute('width', '480');
tools.setAttribute('height', '34');
tools.append(make('div', {id: 'tools'}, result, field, button));
flame.append(tools);

const frameOf = (event) => frames.find(({element}) => element === event.target.closest('.f'));
const group = document.getElementById('frames');
group.addEventListener('click', (event) => {
	const frame = frameOf(event);
	if (frame)
		zoom(frame);
});
group.addEventListener('mouseover', (event) => describe(frameOf(event) ?? focused));
group.addEventListener('mouseout', () => describe(focused));
field.addEventListener('input', () => seek(field.value));
button.addEventListener('click', reset);
addEventListener('keydown', press);
addEventListener('resize', draw);
addEventListener('hashchange', recall);
recall();
})();
